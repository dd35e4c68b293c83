import { describe, expect, it } from "vitest";
import { HostError } from "../../../src/core/errors.js";
import type { Section } from "../../../src/core/script.js";
import { parseVpsFacts } from "../../../src/hosts/vps/facts.js";
import { measurePath, parsePath } from "../../../src/hosts/vps/path.js";
import { recorded } from "../recorded.js";

const host = `os=debian 12
uid=0
systemd=yes
iptables=iptables v1.8.9 (nf_tables)
packages=dpkg
conntrack=yes
module=yes
ssh=198.51.100.50 40312 203.0.113.144 22
free=7340032
ifup=lo
ifup=eth0
folder=yes
`;
const ok = (stdout: string): Section => ({ stdout, code: 0 });
// The tunnel as iproute2 6.1 shows it (recorded on another host, and renumbered).
const wrap1 = JSON.parse(
  recorded("tunnel", 36)
    .split("\n")
    .find((line) => line.startsWith("[")) ?? "[]",
)[0];
const inet = (local: string, prefixlen: number, more = {}) => ({
  family: local.includes(":") ? "inet6" : "inet",
  local,
  prefixlen,
  scope: "global",
  ...more,
});
const eth0 = {
  ifindex: 2,
  ifname: "eth0",
  mtu: 1500,
  flags: ["BROADCAST", "MULTICAST", "UP", "LOWER_UP"],
  operstate: "UP",
  addr_info: [
    inet("203.0.113.144", 24),
    inet("2001:db8:1::10", 64),
    inet("2001:db8:1::99", 128, { deprecated: true, nodad: true, preferred_life_time: 0 }),
    inet("fe80::1", 64, { scope: "link", protocol: "kernel_ll" }),
  ],
};
const answers: Readonly<Record<string, Section>> = {
  host: ok(host),
  owned: ok(""),
  switch: ok(""),
  links: ok(JSON.stringify([eth0, { ...wrap1, ifindex: 3, ifname: "wrap1" }])),
  routes: ok(
    JSON.stringify([
      { type: "unreachable", dst: "10.0.0.0/8" },
      { dst: "default", gateway: "203.0.113.1", dev: "eth0", flags: [] },
      { dst: "203.0.113.0/24", dev: "eth0", prefsrc: "203.0.113.144" },
    ]),
  ),
  routes6: ok(JSON.stringify([{ dst: "default", gateway: "fe80::1", dev: "eth0" }])),
  networkd: ok("2 /etc/systemd/network/10-eth0.network\n99 /run/gone.network\n"),
  services: ok("tcp LISTEN 0 128 0.0.0.0:22 0.0.0.0:*\n"),
  nft: ok(""),
  firewalls: ok(""),
};
const facts = (more: Readonly<Record<string, Section>> = {}) =>
  parseVpsFacts(new Map(Object.entries({ ...answers, ...more })), undefined);

describe("a Debian VPS", () => {
  it("is known by its links, addresses, routes and network manager", () => {
    const found = facts();
    expect(found).toMatchObject({
      os: "debian 12",
      root: true,
      systemd: true,
      iptables: "1.8.9 nf_tables",
      conntrack: true,
      tunnelModule: true,
      uplink: { name: "eth0", address: "203.0.113.144" },
      uplink6: "eth0",
      ifupdown: { interfaces: ["lo", "eth0"], readsFolder: true },
      ssh4: { address: "203.0.113.144", port: 22 },
      marked: false,
      freeKib: 7340032,
    });
    expect([...found.networkFiles]).toEqual([["eth0", "/etc/systemd/network/10-eth0.network"]]);
    expect(found.links[0]?.addresses).toEqual([
      { family: 4, address: "203.0.113.144", prefixLength: 24, global: true, deprecated: false },
      { family: 6, address: "2001:db8:1::10", prefixLength: 64, global: true, deprecated: false },
      { family: 6, address: "2001:db8:1::99", prefixLength: 128, global: true, deprecated: true },
      { family: 6, address: "fe80::1", prefixLength: 64, global: false, deprecated: false },
    ]);
    expect(found.links[1]).toMatchObject({
      name: "wrap1",
      kind: "ip6tnl",
      up: true,
      data: { proto: "ipip6", local: "2001:db8:ffff::2", remote: "2001:db8:ffff::64" },
    });
  });

  it("has the source address that its default route names", () => {
    const routes = ok('[{"dst":"default","dev":"eth0","prefsrc":"203.0.113.145"}]');
    expect(facts({ routes }).uplink).toEqual({ name: "eth0", address: "203.0.113.145" });
  });

  it("may have no way to the internet: ip then prints nothing at all", () => {
    expect(facts({ routes: ok(""), routes6: ok("") })).toMatchObject({
      uplink: undefined,
      uplink6: undefined,
    });
  });

  it("keeps the ports of earlier runs, and has no room where /etc can't be written", () => {
    const found = facts({
      host: ok(`${host}keep=203.0.113.144 22\nkeep=203.0.113.145 2222\nreadonly=yes\nmarked=yes\n`),
    });
    expect(found).toMatchObject({
      keptPorts: [
        { address: "203.0.113.144", port: 22 },
        { address: "203.0.113.145", port: 2222 },
      ],
      freeKib: 0,
      marked: true,
    });
  });
});

describe("the port of the SSH session", () => {
  const port = (connection: string) =>
    facts({ host: ok(host.replace(/^ssh=.*$/m, `ssh=${connection}`)) }).ssh4;

  it.each([
    [
      "198.51.100.50 40312 203.0.113.144 2222",
      { address: "203.0.113.144", port: 2222, client: "198.51.100.50" },
    ],
    [
      "::ffff:198.51.100.50 40312 ::ffff:203.0.113.144 22",
      { address: "203.0.113.144", port: 22, client: "198.51.100.50" },
    ],
    ["2001:db8:50::50 40312 2001:db8:1::10 22", undefined],
    ["", undefined],
  ])("of '%s' is %s", (connection, expected) => expect(port(connection)).toEqual(expected));

  it("is an error where it can't be read: it decides who is locked out", () => {
    expect(() => port("198.51.100.50 40312 203.0.113.144 ssh")).toThrow(HostError);
  });
});

describe("a VPS with several routers", () => {
  it("has the device of one of them as its uplink", () => {
    const hops = [{ via: { family: "inet6", host: "fe80::1" }, dev: "eth0" }, { dev: "eth0" }];
    const several = { dst: "default", protocol: "ra", nexthops: hops };
    expect(facts({ routes6: ok(JSON.stringify([several])) }).uplink6).toBe("eth0");
  });
});

describe("what isn't a VPS that ds4 can set up", () => {
  it.each([
    ["openwrt 24.10.5", host.replace("os=debian 12", "os=openwrt 24.10.5")],
    ["fedora 41", host.replace("os=debian 12", "os=fedora 41").replace("packages=dpkg\n", "")],
    ["an unknown system", host.replace("os=debian 12", "os=").replace("packages=dpkg\n", "")],
  ])("like %s is refused by name", (name, text) => {
    expect(() => facts({ host: ok(text) })).toThrow(`the VPS runs ${name}, and ds4 knows Debian`);
  });

  it("has no service in what a relay of ds4's has, whether its unit's file is there or not; a socat of others is one", () => {
    const socat = (local: string) => `tcp LISTEN 0 128 ${local} 0.0.0.0:* users:(("socat",pid=7,fd=5))\n`;
    const services = (running: string) =>
      facts({
        services: ok(["144:443", "144:8443", "145:443"].map((end) => socat(`203.0.113.${end}`)).join("")),
        socat: ok(running),
      }).neighbours.services.map(({ address, port }) => `${address.slice(-3)}:${port}`);
    const relay = (unit: string, listen: string) =>
      `ds4-relay-${unit}.service /usr/bin/socat -t300 ${listen}-LISTEN:443,bind=203.0.113.144,freebind TCP6:x:443\n`;
    expect(services(relay("tcp-443", "TCP4"))).toEqual(["145:443", "144:8443"]);
    expect(services(relay("udp-443", "UDP4"))).toEqual(["145:443", "144:443", "144:8443"]);
    expect(services("")).toEqual(["145:443", "144:443", "144:8443"]);
  });

  it("is an error for each part that failed", () => {
    for (const part of ["host", "owned", "links", "routes", "routes6", "networkd"]) {
      expect(() => facts({ [part]: { stdout: "boom\n", code: 1 } }), part).toThrow(/can't be read: boom/);
      const without = new Map(Object.entries(answers));
      without.delete(part);
      expect(() => parseVpsFacts(without, undefined), part).toThrow("was not read");
    }
  });
});

describe("the measured path", () => {
  it("is what was answered and what wasn't", () => {
    expect(parsePath(ok("answered 1280\nsilent 1500\nanswered 1492\n"))).toEqual({
      answered: [1280, 1492],
      silent: [1500],
    });
  });

  it("is unknown where nothing was sent", () => {
    expect(parsePath(ok(""))).toBeUndefined();
    expect(parsePath(undefined)).toBeUndefined();
  });

  it("is measured with a quoted target", () => expect(measurePath("a b;c")).toContain("'a b;c'"));
});
