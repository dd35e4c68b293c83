import { expect, it } from "vitest";
import { waysOf } from "../../../src/bench/ways.js";
import { Ds4Error } from "../../../src/core/errors.js";
import { parseSite } from "../../../src/inventory/load.js";
import { site as tunnel } from "../world.js";

const design = { publicIPv4: "203.0.113.144" };
const relay = parseSite(
  "mode: relay\nvps: { ssh: vps }\nforward: [{ server: home.example, traffic: [tcp/8080 -> 80, udp/53] }]\n",
  "home.yaml",
);
const words = (...asked: Parameters<typeof waysOf>) =>
  waysOf(...asked).map(({ name, address, port, pings }) => `${name} ${address} ${port} ${pings}`);

it("of a tunnel are itself and, where it is named, the server's IPv6", () => {
  expect(words(tunnel, design, 80, undefined)).toEqual(["tunnel 203.0.113.144 80 true"]);
  expect(words(tunnel, design, 80, "2001:db8::1")[1]).toBe("ipv6 2001:db8::1 80 true");
});

it("of a relay, too, with the server and port of the inventory, and without a ping that the VPS would answer", () => {
  expect(words(relay, design, 8080, undefined)).toEqual([
    "relay 203.0.113.144 8080 false",
    "ipv6 home.example 80 true",
  ]);
  expect(words(relay, design, 8080, "2001:db8::1")[1]).toBe("ipv6 2001:db8::1 80 true");
});

it("are none where nothing is relayed, which is said with what is", () => {
  expect(() => waysOf(relay, design, 53, undefined)).toThrow(Ds4Error);
  expect(() => waysOf(relay, design, 53, undefined)).toThrow("home relays no TCP port 53");
});
