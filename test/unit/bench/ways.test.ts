import { expect, it } from "vitest";
import { waysOf } from "../../../src/bench/ways.js";
import { Ds4Error } from "../../../src/core/errors.js";
import { parseSite } from "../../../src/inventory/load.js";
import type { Site } from "../../../src/inventory/site.js";
import { site as tunnel } from "../world.js";

const relay = parseSite(
  "mode: relay\nvps: { ssh: vps }\nforward: [{ server: home.example, traffic: [tcp/8080 -> 80, udp/53] }]\n",
  "home.yaml",
);
/** By the one public IPv4 that these sites have. */
const ways = (site: Site, port: number, ipv6?: string) =>
  waysOf(
    site,
    { entrances: [{ publicIPv4: "203.0.113.144", forwards: site.forwards, keepPorts: [22] }] },
    port,
    ipv6,
  );
const words = (...asked: Parameters<typeof ways>) =>
  ways(...asked).map(({ name, address, port, pings }) => `${name} ${address} ${port} ${pings}`);

it("of a tunnel are itself and, where it is named, the server's IPv6", () => {
  expect(words(tunnel, 80)).toEqual(["tunnel 203.0.113.144 80 true"]);
  expect(words(tunnel, 80, "2001:db8::1")[1]).toBe("ipv6 2001:db8::1 80 true");
});

it("are by the public IPv4 whose port goes home, and doesn't stay with the VPS for SSH", () => {
  const entrances = ["203.0.113.144", "203.0.113.145"].map((publicIPv4, at) => ({
    publicIPv4,
    forwards: tunnel.forwards,
    keepPorts: at === 0 ? [443] : [],
  }));
  expect(waysOf(tunnel, { entrances }, 443, undefined)[0]?.address).toBe("203.0.113.145");
});

/** A tunnel's site with this in its inventory. */
const forwarding = (traffic: string) =>
  parseSite(
    `vps: { ssh: vps }\nrouter: { ssh: router }\nforward: [{ server: 192.168.1.210, traffic: ${traffic} }]\n`,
    "home.yaml",
  );

it("are pinged only where ICMP goes home", () => {
  expect(words(forwarding("[tcp/443]"), 443)).toEqual(["tunnel 203.0.113.144 443 false"]);
  expect(words(forwarding("[tcp/443, icmp]"), 443)).toEqual(["tunnel 203.0.113.144 443 true"]);
  expect(words(forwarding("all except icmp"), 443)).toEqual(["tunnel 203.0.113.144 443 false"]);
});

it("lead to the server's port, where that is another one", () => {
  const moved = forwarding("[tcp/8443-8444 -> 443-444]");
  expect(words(moved, 8444, "2001:db8::1")).toEqual([
    "tunnel 203.0.113.144 8444 false",
    "ipv6 2001:db8::1 444 true",
  ]);
});

it("are none where the port stays with the VPS, which is said with what doesn't", () => {
  const refusal = (site: Site, port: number) => {
    try {
      return words(site, port);
    } catch (error) {
      const { message, hint } = error as Ds4Error;
      return `${message}: ${hint}`;
    }
  };
  expect(refusal(forwarding("[tcp/443, tcp/8443 -> 443, udp/53]"), 80)).toBe(
    "TCP port 80 of home stays with the VPS: type '--url' with one that goes home (tcp/443, tcp/8443 -> 443)",
  );
  expect(refusal(forwarding("all except tcp/80"), 80)).toMatch(/ \(all except tcp\/80\)$/);
  // By which ds4 comes in.
  expect(refusal(tunnel, 22)).toMatch(/^TCP port 22 of home stays with the VPS: .* \(all\)$/);
  expect(refusal(forwarding("[icmp]"), 80)).toMatch(/ \(there is none\)$/);
});

it("of a relay, too, with the server and port of the inventory, and without a ping that the VPS would answer", () => {
  expect(words(relay, 8080)).toEqual(["relay 203.0.113.144 8080 false", "ipv6 home.example 80 true"]);
  expect(words(relay, 8080, "2001:db8::1")[1]).toBe("ipv6 2001:db8::1 80 true");
});

it("are none where nothing is relayed, which is said with what is", () => {
  expect(() => ways(relay, 53)).toThrow(Ds4Error);
  expect(() => ways(relay, 53)).toThrow("home relays no TCP port 53");
});
