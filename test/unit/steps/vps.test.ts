import { describe, expect, it } from "vitest";
import { HostError } from "../../../src/core/errors.js";
import type { Conflict } from "../../../src/core/step.js";
import type { HostLink } from "../../../src/hosts/linux/facts.js";
import type { VpsFacts } from "../../../src/hosts/vps/facts.js";
import { routes } from "../../../src/steps/vps/routes.js";
import { address, packages, persistence, sysctl, tunnel, unit } from "../../../src/steps/vps/steps.js";
import { eth0, address as hostAddress, link, lo, server, site, siteWith, vps, world } from "../world.js";

const home = world();
const { local, remote } = home.design;
const owned = {
  site: "home",
  tunnel: {
    name: "wrap1",
    local,
    atHome: "router" as const,
    ownLocal: true,
    remote,
    servers: [server],
    mtu: 1460,
    table: 42,
  },
};
const marked: VpsFacts = { ...vps, marked: true, owned };
const ok = (stdout: string) => ({ stdout, code: 0 });
const messages = (conflicts: readonly Conflict[] | undefined) =>
  (conflicts ?? []).map(({ host, message, hint }) => {
    expect(host).toBe("vps");
    expect(hint).not.toBe("");
    return message;
  });

const wrap1 = link("wrap1", {
  mtu: 1460,
  kind: "ip6tnl",
  data: { proto: "ipip6", local, remote, link: "eth0", ttl: 64, ip6_tnl_f_ign_encap_limit: true },
});

describe("the tunnel of a VPS", () => {
  const parse = (found: HostLink, filter = "1", mark = "0") =>
    tunnel
      .parse(ok(`all 0 1\nwrap1 ${filter} ${mark}\n`), { ...marked, links: [lo, eth0, found] }, site)
      .get("wrap1");

  it("is what is wanted, as ip shows it", () => {
    expect(parse(wrap1)).toEqual(tunnel.desired(home).get("wrap1"));
  });

  it("shows each thing that drifted", () => {
    const data = (more: object) => parse({ ...wrap1, data: { ...wrap1.data, ...more } });
    expect(parse({ ...wrap1, mtu: 1452 })).toMatchObject({ mtu: 1452 });
    expect(parse({ ...wrap1, up: false })).toMatchObject({ up: false });
    expect(parse(wrap1, "0")).toMatchObject({ rpFilter: "0" });
    expect(parse(wrap1, "1", "1")).toMatchObject({ srcValidMark: "1" });
    expect(data({ ip6_tnl_f_ign_encap_limit: undefined, encap_limit: 4 })).toMatchObject({ encaplimit: "4" });
    expect(data({ link: undefined })).toMatchObject({ device: "" });
    expect(data({ proto: "any" })).toMatchObject({ kind: "ip6tnl any" });
    expect(parse({ ...wrap1, kind: "gre" })).toMatchObject({ kind: "gre ipip6" });
  });

  it("of somebody else is a conflict, by its name or by its two ends", () => {
    const conflicts = (links: readonly HostLink[], more: Partial<VpsFacts> = {}) =>
      messages(tunnel.conflicts?.({ ...home, vps: { ...vps, links, ...more } }));
    expect(conflicts([lo, eth0])).toEqual([]);
    expect(conflicts([lo, eth0, wrap1])).toEqual(["there is an interface wrap1 already, and it isn't ds4's"]);
    expect(conflicts([lo, eth0, wrap1], { marked: true, owned })).toEqual([]);
    const twin = { ...wrap1, name: "tun0" };
    expect(conflicts([eth0, twin])).toEqual([`the tunnel tun0 has the same two ends (${local}, ${remote})`]);
    expect(
      conflicts([eth0, twin], {
        marked: true,
        owned: { ...owned, tunnel: { ...owned.tunnel, name: "tun0" } },
      }),
    ).toEqual([]);
    expect(conflicts([eth0, { ...twin, data: { ...twin.data, remote: "2001:db8::7" } }])).toEqual([]);
  });

  it("takes the kernel's module", () => {
    expect(messages(tunnel.conflicts?.({ ...home, vps: { ...vps, tunnelModule: false } }))).toEqual([
      "the VPS's kernel has no module ip6_tunnel",
    ]);
  });
});

describe("the tunnel's address of a VPS", () => {
  const own = hostAddress(`${local}/128`, { deprecated: true });
  const holding = (...addresses: HostLink["addresses"]) => [
    lo,
    { ...eth0, addresses: [...eth0.addresses, ...addresses] },
  ];
  const parse = (links: readonly HostLink[], facts = marked) =>
    address.parse(ok(""), { ...facts, links }, site);

  it("is what is wanted, deprecated and on the uplink", () => {
    expect(parse(holding(own))).toEqual(address.desired(home));
    expect(parse(holding({ ...own, deprecated: false })).get(`${local}/128`)).toMatchObject({
      deprecated: false,
    });
    expect(parse([eth0, link("eth1", { addresses: [own] })]).get(`${local}/128`)).toMatchObject({
      device: "eth1",
    });
  });

  it("isn't ds4's where the note doesn't say so: it is never removed then", () => {
    expect(
      parse(holding(own), { ...marked, owned: { ...owned, tunnel: { ...owned.tunnel, ownLocal: false } } }),
    ).toEqual(new Map());
    expect(parse(holding({ ...own, prefixLength: 64 }))).toEqual(new Map());
  });

  it("is known by its kind where the note is lost, and then is no conflict", () => {
    const lost = { marked: true, owned: undefined };
    const links = holding(own);
    expect(parse(links, { ...marked, ...lost })).toEqual(address.desired(home));
    expect(messages(address.conflicts?.({ ...home, vps: { ...vps, ...lost, links } }))).toEqual([]);
    for (const other of [
      hostAddress("2001:db8:1::8/128"),
      // Somebody's service address, which is deprecated, too.
      hostAddress("2001:db8:1::53/128", { deprecated: true }),
      hostAddress(`${local}/64`, { deprecated: true }),
    ]) {
      expect(parse(holding(other), { ...marked, ...lost })).toEqual(new Map());
    }
  });

  it("is wanted only where ds4 adds it", () => {
    const primary = world({ site: siteWith({ vps: { endpoint: "primary" } }) });
    expect(address.desired(primary)).toEqual(new Map());
    expect(messages(address.conflicts?.(primary))).toEqual([]);
  });

  it("is a conflict where somebody else has put it there", () => {
    const found = (links: readonly HostLink[], more: Partial<VpsFacts> = {}) =>
      messages(address.conflicts?.({ ...home, vps: { ...vps, links, ...more } }));
    expect(found([lo, eth0])).toEqual([]);
    expect(found([eth0, link("eth1", { addresses: [own] })])).toEqual([
      `the address ${local} for the tunnel's end is on eth1 already, and not by ds4`,
    ]);
    expect(found(holding(own), { owned, marked: true })).toEqual([]);
  });
});

describe("the routes of a VPS", () => {
  const listed = [
    { dst: server, dev: "wrap1", protocol: "204", scope: "link", flags: [] },
    { type: "unreachable", dst: server, protocol: "204", metric: 4000000000, flags: [] },
  ];
  const parse = (routesThere: readonly object[]) =>
    routes.parse(ok(JSON.stringify(routesThere)), marked, site);

  it("are what is wanted, as ip shows them", () => {
    expect(parse(listed)).toEqual(routes.desired(home));
  });

  it("show one that is gone, one that leads elsewhere, and one of another server", () => {
    expect([...parse(listed.slice(1)).keys()]).toEqual([`${server}/unreachable`]);
    expect(parse([{ ...listed[0], dev: "eth0" }]).get(server)).toMatchObject({ device: "eth0" });
    expect([...parse([...listed, { dst: "192.168.1.7", dev: "wrap1" }]).keys()]).toContain("192.168.1.7");
    expect(routes.parse(ok(""), marked, site)).toEqual(new Map());
  });

  it("that can't be read are an error", () => {
    expect(() => routes.parse({ stdout: "RTNETLINK answers: no\n", code: 2 }, marked, site)).toThrow(
      HostError,
    );
    expect(() => parse([{ dev: "wrap1" }])).toThrow("ip -j route has an unknown form");
  });

  it("conflict with a network of the VPS's own around the server", () => {
    const docker = link("docker0", { addresses: [hostAddress("192.168.0.1/20")] });
    expect(messages(routes.conflicts?.({ ...home, vps: { ...vps, links: [lo, eth0, docker] } }))).toEqual([
      "the VPS has a network of its own that holds 192.168.1.210: 192.168.0.1/20 on docker0",
    ]);
    expect(messages(routes.conflicts?.(home))).toEqual([]);
  });
});

describe("forwarding on a VPS", () => {
  it("is ds4's only once it has kept what was before", () => {
    expect(sysctl.parse(ok(""), marked, site)).toEqual(new Map());
    expect(sysctl.parse(ok("1\n"), marked, site)).toEqual(sysctl.desired(home));
    expect(sysctl.parse(ok("0\n"), marked, site)).not.toEqual(sysctl.desired(home));
    expect(() => sysctl.parse({ stdout: "no\n", code: 1 }, marked, site)).toThrow(HostError);
  });
});

describe("the unit of a VPS", () => {
  const parse = (text: string) => unit.parse(ok(text), marked, site);

  it("is what is wanted where it is enabled and active", () => {
    expect(parse("ActiveState=active\nenabled\n")).toEqual(unit.desired(home));
  });

  it.each([
    ["disabled", "ActiveState=active\n"],
    ["failed", "ActiveState=failed\nenabled\n"],
    ["inactive", "ActiveState=inactive\nenabled\n"],
    ["starting", "ActiveState=activating\nenabled\n"],
  ])("has drifted where it is %s", (_, text) => {
    const found = parse(text);
    expect([...found.keys()]).toEqual(["ds4.service"]);
    expect(found).not.toEqual(unit.desired(home));
  });

  it("is gone where nothing is said of it, and not wanted with ifupdown", () => {
    expect(parse("")).toEqual(new Map());
    expect(unit.desired(world({ site: siteWith({ vps: { persist: "ifupdown" } }) }))).toEqual(new Map());
  });
});

describe("the packages of a VPS", () => {
  const wanted = (more: Partial<VpsFacts>) => [...packages.desired(world({ vps: more })).keys()];

  it("are those that are missing, and those that ds4 once installed", () => {
    expect(wanted({})).toEqual([]);
    expect(wanted({ iptables: "", conntrack: false })).toEqual(["iptables", "conntrack"]);
    expect(wanted({ iptables: "", conntrack: true })).toEqual(["iptables"]);
    expect(wanted({ conntrack: false })).toEqual(["conntrack"]);
    expect(wanted({ ownPackages: ["iptables", "libip4tc2"] })).toEqual(["iptables"]);
  });

  it("show one that somebody removed, and not what came along", () => {
    const parse = (text: string) => [...packages.parse(ok(text), marked, site).keys()];
    expect(parse("iptables installed\nconntrack config-files\nlibip4tc2 installed\n")).toEqual(["iptables"]);
    expect(parse("")).toEqual([]);
  });
});

describe("the route to the server", () => {
  it("doesn't take the place of somebody else's", () => {
    const conflicts = (more: Partial<VpsFacts["routes"][number]>) =>
      messages(
        routes.conflicts?.(
          world({
            vps: {
              routes: [{ target: "192.168.1.210", device: "wg0", protocol: "boot", metric: 0, ...more }],
            },
          }),
        ),
      );
    expect(conflicts({})).toEqual([
      "the VPS has a route to 192.168.1.210 already, by wg0, and it isn't ds4's",
    ]);
    for (const more of [{ protocol: "204" }, { metric: 50 }, { target: "192.168.1.0/24" }])
      expect(conflicts(more)).toEqual([]);
  });
});

describe("the files of a VPS", () => {
  const dropIn = /^\/etc\/systemd\/system\/.*\.service\.d\/ds4\.conf$/;
  const all = (more: Parameters<typeof world>[0]) => [...persistence.desired(world(more)).keys()].sort();
  const paths = (more: Parameters<typeof world>[0]) => all(more).filter((path) => !dropIn.test(path));

  it("bring its rules back after services that take away everybody's, where there is systemd", () => {
    const services = ["firewalld", "netfilter-persistent", "nftables"].map(
      (name) => `/etc/systemd/system/${name}.service.d/ds4.conf`,
    );
    expect(all({}).filter((path) => dropIn.test(path))).toEqual(services);
    const site = siteWith({ vps: { persist: "ifupdown" } });
    expect(all({ site, vps: { systemd: false } }).filter((path) => dropIn.test(path))).toEqual([]);
  });

  it("depend on what brings the uplink up", () => {
    const ifupdown = { ifupdown: { interfaces: ["lo", "eth0"], readsFolder: true } };
    const none = { ifupdown: { interfaces: [], readsFolder: false } };
    const base = ["/etc/ds4/site", "/etc/ds4/up"];
    const sysctls = "/etc/sysctl.d/90-ds4.conf";
    expect(paths({ vps: none })).toEqual([...base, sysctls, "/etc/systemd/system/ds4.service"]);
    expect(paths({ vps: { ...none, networkManager: true } })).toContain(
      "/etc/NetworkManager/dispatcher.d/90-ds4",
    );
    expect(paths({ vps: ifupdown })).toEqual([
      ...base,
      "/etc/network/if-up.d/ds4",
      sysctls,
      "/etc/systemd/system/ds4.service",
    ]);
    expect(paths({ vps: ifupdown, site: siteWith({ vps: { persist: "ifupdown" } }) })).toEqual([
      ...base,
      "/etc/network/if-up.d/ds4",
      "/etc/network/interfaces.d/ds4",
      sysctls,
    ]);
    const networkFiles = new Map([["eth0", "/run/systemd/network/10-netplan-eth0.network"]]);
    expect(paths({ vps: { ...none, networkFiles } })).toEqual([
      ...base,
      sysctls,
      "/etc/systemd/network/00-ds4.network",
      "/etc/systemd/network/10-netplan-eth0.network.d/ds4.conf",
      "/etc/systemd/system/ds4.service",
    ]);
  });

  it("tell systemd-networkd of what it would remove: the route, and the address where it is ds4's", () => {
    const networkFiles = new Map([["eth0", "/etc/systemd/network/10-eth0.network"]]);
    const known = (endpoint?: string) =>
      String(
        persistence
          .desired(
            world({
              site: siteWith({ vps: endpoint === undefined ? {} : { endpoint } }),
              vps: { networkFiles },
            }),
          )
          .get("/etc/systemd/network/10-eth0.network.d/ds4.conf")?.content,
      );
    const route =
      "[Route]\nDestination=192.168.1.210/32\nType=unreachable\nMetric=4000000000\nProtocol=204\n";
    expect(known()).toContain(route);
    expect(known()).toContain(`[Address]\nAddress=${local}/128\n`);
    expect(known("primary")).toContain(route);
    expect(known("primary")).not.toContain("[Address]");
  });

  it("can't be where another link has systemd-networkd's file of the uplink, too", () => {
    const file = "/run/systemd/network/10-netplan-all-en.network";
    const refused = (links: readonly (readonly [string, string])[]) =>
      messages(persistence.conflicts?.(world({ vps: { networkFiles: new Map(links) } })));
    expect(refused([["eth0", file]])).toEqual([]);
    expect(
      refused([
        ["eth0", file],
        ["eth1", "/etc/systemd/network/20-eth1.network"],
      ]),
    ).toEqual([]);
    expect(
      refused([
        ["eth0", file],
        ["eth1", file],
      ]),
    ).toEqual([
      `systemd-networkd sets up eth1 by the same file as eth0, ${file}: the tunnel's address would be on each of them`,
    ]);
  });

  it("hold the kept port where the next run looks for it", () => {
    const up = persistence
      .desired(world({ vps: { ssh4: { address: "203.0.113.144", port: 2222 } } }))
      .get("/etc/ds4/up");
    // As the probe of the facts greps it.
    expect(String(up?.content)).toMatch(/^.* -d 203\.0\.113\.144\/32 .* --dport 2222 -j RETURN'*$/m);
  });
});
