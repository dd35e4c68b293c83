import { beforeAll, describe, expect, test } from "vitest";
import { bogons, type Forged, forge, named, type Seen } from "../forge.js";
import { startApplied } from "../machines.js";
import { client, publicIPv4, server } from "../visitor.js";

const vpsEnd = "2001:db8:1:0:203:0:113:144";
const routerEnd = "2001:db8:100:0:203:0:113:144";
const [router, lan2] = ["192.168.1.1", "192.168.1.211"];
const toVps = `${routerEnd}>${vpsEnd}`;
const toRouter = `${vpsEnd}>${routerEnd}`;

const kinds = ["udp", "icmp", "syn"] as const;
const names = (packets: readonly Forged[]) => packets.map(named);

const nowhere: Omit<Seen, "vps" | "home"> = {
  client: [],
  server: [],
  lan2: [],
  uplink: [],
  tunnel: [],
  provider: [],
};

describe("forged packets", () => {
  beforeAll(startApplied);

  const wrappings = ["4", "dstopt", "fragment", "41", "gre"] as const;
  const whole = { vps: `${server}>${client}`, router: `${client}>${server}` };

  test("from anybody but the peer are not taken out of their wrapping, on either end", async () => {
    const packets = wrappings.flatMap((via): Forged[] => [
      // A stranger, and a neighbour of the peer's.
      ...["2001:db8:220::220", "2001:db8:100::210"].map((from) => ({
        outer: `${from}>${vpsEnd}`,
        via,
        inner: whole.vps,
      })),
      ...["2001:db8:220::220", "2001:db8:1::10"].map((from) => ({
        outer: `${from}>${routerEnd}`,
        via,
        inner: whole.router,
      })),
    ]);
    const none = { decapsulated: 0, reached: 0 };
    expect(await forge(packets)).toEqual({ ...nowhere, vps: none, home: none });
  });

  test("with the peer's address are, if they are IPv4 in IPv6 and nothing else", async () => {
    const all = (outer: string, inner: string) => wrappings.map((via) => ({ outer, via, inner }));
    const seen = await forge([...all(toVps, whole.vps), ...all(toRouter, whole.router)]);
    // What arrives is answered, so each shows on both sides.
    const good = names([...all(toVps, whole.vps).slice(0, 3), ...all(toRouter, whole.router).slice(0, 3)]);
    expect({ client: seen.client, server: seen.server }).toEqual({ client: good, server: good });
  });

  test("out of the tunnel on the VPS: only what the server sends to the internet goes on", async () => {
    const inner = (pair: string, more: Partial<Forged> = {}): Forged => ({
      outer: toVps,
      inner: pair,
      ...more,
    });
    const good = kinds.map((what) => inner(`${server}>${client}`, { what }));
    const bad = [
      // To the VPS itself, and to what only its provider's own network has.
      ...kinds.map((what) => inner(`${server}>${publicIPv4}`, { what })),
      ...["127.0.0.1", "10.0.0.1", "100.64.0.1", "169.254.169.254", "172.16.0.1", lan2].map((to) =>
        inner(`${server}>${to}`),
      ),
      ...["203.0.113.255", "255.255.255.255", "224.0.0.1", "240.0.0.1"].map((to) => inner(`${server}>${to}`)),
      // From anybody but the server, also with a last TTL, which is looked at before the firewall's FORWARD.
      ...[...bogons, router, lan2, "192.0.2.77", publicIPv4, client].flatMap((from) =>
        [64, 1].map((ttl) => inner(`${from}>${client}`, { ttl })),
      ),
      ...kinds.map((what) => inner(`198.51.100.77>${publicIPv4}`, { what })),
      inner(`198.51.100.77>${server}`),
    ];
    const seen = await forge([...good, ...bad]);
    // What the visitor answers goes into the tunnel, and to the server.
    const answered = (packets: readonly string[]) => packets.filter((name) => !names(good).includes(name));
    expect({ ...seen, tunnel: answered(seen.tunnel), server: answered(seen.server) }).toEqual({
      ...nowhere,
      client: names(good),
      uplink: names(good),
      vps: { decapsulated: expect.any(Number), reached: 0 },
      home: expect.anything(),
    });
    expect(seen.vps.decapsulated).toBeGreaterThanOrEqual(good.length + bad.length);
  });

  test("out of the tunnel on the router: only a visitor's to the server go on", async () => {
    const inner = (pair: string, more: Partial<Forged> = {}): Forged => ({
      outer: toRouter,
      inner: pair,
      ...more,
    });
    const good = [
      ...kinds.map((what) => inner(`${client}>${server}`, { what })),
      ...["192.0.2.77", "203.0.113.77", "198.18.0.77", "198.51.100.77"].map((from) =>
        inner(`${from}>${server}`),
      ),
    ];
    const bad = [
      // To the router itself, another host of the LAN, all of them, and through the router to the internet.
      ...[router, "192.168.1.255", "255.255.255.255", "224.0.0.1", lan2, client, "192.0.0.2"].flatMap((to) =>
        [64, 1].map((ttl) => inner(`${client}>${to}`, { ttl })),
      ),
      ...[router, lan2].flatMap((to) =>
        (["icmp", "syn"] as const).map((what) => inner(`${client}>${to}`, { what })),
      ),
      ...[...bogons, router, lan2, server].map((from) => inner(`${from}>${server}`)),
      ...[router, lan2, server].flatMap((from) => [
        inner(`${from}>${lan2}`),
        inner(`${from}>${server}`, { ttl: 1 }),
      ]),
    ];
    const seen = await forge([...good, ...bad]);
    expect(seen).toMatchObject({
      server: names(good),
      lan2: [],
      provider: [],
      home: { reached: 0 },
    });
    expect(seen.home.decapsulated).toBeGreaterThanOrEqual(good.length + bad.length);
  });

  test("a visitor's packet gets into the tunnel only with an address that a visitor can have", async () => {
    const good = (["udp", "icmp"] as const).map((what) => ({ inner: `192.0.2.77>${publicIPv4}`, what }));
    const bad = [...bogons, lan2, server].map((from): Forged => ({ inner: `${from}>${publicIPv4}` }));
    const seen = await forge([...good, ...bad]);
    expect({ tunnel: seen.tunnel, server: seen.server }).toEqual({
      tunnel: names(good),
      server: names(good),
    });
  });
});
