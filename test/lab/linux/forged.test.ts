import { beforeAll, describe, expect, test } from "vitest";
import { bogons, type Forged, forge } from "../forge.js";
import { must, startApplied } from "../machines.js";
import { client, server } from "../visitor.js";

const vpsEnd = "2001:db8:1:0:203:0:113:144";
const homeEnd = "2001:db8:100:0:203:0:113:144";
const lan2 = "192.168.1.211";
/** Another address of the machine's own, and one that only it reaches, as a container's. */
const [bridge, container] = ["172.18.0.1", "172.18.0.2"];

const inner = (pair: string, more: Partial<Forged> = {}): Forged => ({
  outer: `${vpsEnd}>${homeEnd}`,
  inner: pair,
  ...more,
});
const kinds = (["udp", "icmp", "syn"] as const).map((what) => inner(`${client}>${server}`, { what }));

describe("forged packets to a Linux machine at home", () => {
  beforeAll(async () => {
    await startApplied();
    await must(
      "home",
      `ip link add br-box type bridge; ip addr add ${bridge}/16 dev br-box; ip link set br-box up
sysctl -qw net.ipv4.ip_forward=1; iptables -P FORWARD ACCEPT`,
    );
  });

  test("from anybody but the peer are not taken out of their wrapping", async () => {
    const strangers = ["2001:db8:220::220", "2001:db8:1::10"].flatMap((from) =>
      (["4", "dstopt", "fragment", "41", "gre"] as const).map((via) => ({
        outer: `${from}>${homeEnd}`,
        via,
        inner: `${client}>${server}`,
      })),
    );
    expect((await forge(strangers)).home).toEqual({ decapsulated: 0, reached: 0 });
  });

  test("out of the tunnel: a visitor's to the server arrive", async () => {
    expect((await forge(kinds)).home).toEqual({ decapsulated: kinds.length, reached: kinds.length });
  });

  test("out of the tunnel: nothing else gets anywhere, not to the machine's other addresses either", async () => {
    const bad = [
      ...[lan2, bridge, container, client, "192.168.1.1", "192.168.1.255", "224.0.0.1"].flatMap((to) =>
        [64, 1].map((ttl) => inner(`${client}>${to}`, { ttl })),
      ),
      ...[...bogons, lan2, server].map((from) => inner(`${from}>${server}`)),
      inner(`${lan2}>${client}`),
    ];
    const seen = await forge(bad);
    expect(seen).toMatchObject({ client: [], lan2: [], provider: [], home: { reached: 0 } });
    expect(seen.home.decapsulated).toBeGreaterThanOrEqual(bad.length);
  });
});
