import { describe, expect, it } from "vitest";
import { parseUciExport } from "../../../src/hosts/router/uci.js";
import { lan, loopback, router, routerInterface, siteWith, wan6 } from "../world.js";
import { design, refusal } from "./designing.js";

describe("the router's end of the tunnel", () => {
  it("may be said, and then takes no prefix", () => {
    const bare = { interfaces: [lan, loopback, { ...wan6, prefixes: [] }] };
    expect(
      design({ router: bare, site: siteWith({ router: { endpoint: "2001:db8:ffff::2" } }) }).remote,
    ).toBe("2001:db8:ffff::2");
    expect(refusal({ router: bare })).toMatch(/no IPv6 prefix.*wan6 got none.*\n.*reqprefix/);
  });

  it("isn't made of a private prefix, or of one longer than a /64", () => {
    const prefixes = [
      { address: "fd00:1::", mask: 48 },
      { address: "2001:db8:7::", mask: 80 },
    ];
    expect(refusal({ router: { interfaces: [lan, { ...wan6, prefixes }] } })).toContain("no IPv6 prefix");
  });

  it("may be in the prefix of an interface beside the uplink", () => {
    const other = routerInterface("6rd", { prefixes: [{ address: "2001:db8:200::", mask: 60 }] });
    expect(design({ router: { interfaces: [lan, { ...wan6, prefixes: [] }, other] } }).remote).toBe(
      "2001:db8:200:0:203:0:113:144",
    );
  });
});

describe("the router's uplink", () => {
  it("is one with a prefix, before one without, and never one that is down", () => {
    const first = routerInterface("vpn", { defaultRoute6: true, device: "tun0" });
    const down = { ...wan6, name: "lte", up: false, prefixes: [{ address: "2001:db8:300::", mask: 56 }] };
    const zones = [...router.zones, { name: "vpn", networks: ["vpn"], devices: [] }];
    expect(design({ router: { interfaces: [lan, down, first, wan6], zones } })).toMatchObject({
      remote: "2001:db8:100:0:203:0:113:144",
      wanZone: "wan",
    });
  });

  it("has to be there, where it is named and where it isn't", () => {
    expect(refusal({ site: siteWith({ router: { uplink: "wan9" } }) })).toMatch(
      /no interface wan9\nit has lan, loopback, wan6/,
    );
    expect(refusal({ router: { interfaces: [lan, loopback] } })).toContain("no IPv6 default route");
  });
});

describe("the firewall zones", () => {
  it("are those of an interface with the same device, too: what PPP makes by itself is in none", () => {
    const ppp = { ...wan6, name: "wan_6", device: "pppoe-wan" };
    const wan = routerInterface("wan", { device: "pppoe-wan" });
    const zones = [
      { name: "lan", networks: ["lan"], devices: [] },
      { name: "internet", networks: ["wan", "wan6"], devices: [] },
    ];
    expect(design({ router: { interfaces: [lan, wan, ppp], zones } }).wanZone).toBe("internet");
  });

  it("are those that hold the interfaces, by network or by device", () => {
    const zones = [
      { name: "home", networks: [], devices: ["br-lan"] },
      { name: "other", networks: ["guest"], devices: [] },
      { name: "internet", networks: ["wan6"], devices: [] },
    ];
    expect(design({ router: { zones } })).toMatchObject({ lanZone: "home", wanZone: "internet" });
  });

  it("may be said, and have to be there then", () => {
    const zones = [...router.zones, { name: "dmz", networks: [], devices: [] }];
    const said = siteWith({ router: { zones: { lan: "dmz" } } });
    expect(design({ site: said, router: { zones } }).lanZone).toBe("dmz");
    expect(refusal({ site: said })).toMatch(/no firewall zone 'dmz'\nit has lan, wan; .*zones: \{ lan: … \}/);
  });

  it("have to be said for an interface that is in none", () => {
    const [lanZone] = router.zones;
    expect(refusal({ router: { zones: lanZone ? [lanZone] : [] } })).toMatch(
      /interface wan6 is in no firewall zone\nit has lan; .*zones: \{ wan: … \}/,
    );
  });
});

describe("the server", () => {
  it("may be in another of the router's networks", () => {
    const dmz = routerInterface("dmz", { device: "br-dmz", ipv4: [{ address: "10.7.0.1", mask: 16 }] });
    const zones = [...router.zones, { name: "dmz", networks: ["dmz"], devices: [] }];
    const made = design({
      site: siteWith({ server: "10.7.200.3" }),
      router: { interfaces: [...router.interfaces, dmz], zones },
    });
    expect(made.lanZone).toBe("dmz");
  });

  it("is in the smallest of those that hold it, whatever their order", () => {
    const vpn = routerInterface("corp", { device: "wg0", ipv4: [{ address: "192.168.250.2", mask: 16 }] });
    const zones = [{ name: "corp", networks: ["corp"], devices: [] }, ...router.zones];
    const made = design({ router: { interfaces: [vpn, ...router.interfaces], zones } });
    expect(made.lanZone).toBe("lan");
    expect(made.hairpin?.networks).toEqual(new Map([["192.168.1.210", "192.168.1.0/24"]]));
  });

  it("is refused where it is in none of them, which are named", () => {
    const text = refusal({ site: siteWith({ server: "192.168.7.2" }) });
    expect(text).toContain("192.168.7.2 is in none of the router's networks (lan 192.168.1.1/24)");
    expect(text).toContain("inventory/home.yaml");
  });

  it("can't be the router itself", () => {
    expect(refusal({ site: siteWith({ server: "192.168.1.1" }) })).toContain(
      "192.168.1.1 is the router itself",
    );
  });
});

describe("the router's own port forwards", () => {
  const forward = (...options: readonly string[]) =>
    parseUciExport(`${["config redirect", "option name 'web'", ...options].join("\n\t")}\n`);
  const notes = (firewall: ReturnType<typeof forward>, more = {}) =>
    design({ router: { firewall }, site: siteWith(more) }).notes.filter((note) => note.includes("(web)"));
  const to = "option dest_ip '192.168.1.210'";

  it("to a server whose answers leave by the tunnel are noted", () => {
    expect(notes(forward("option src 'wan'", to))).toHaveLength(1);
    expect(notes(forward("option src 'wan'", to, "option enabled '0'"))).toEqual([]);
    expect(notes(forward("option src 'lan'", to))).toEqual([]);
    expect(notes(forward("option src 'wan'", "option dest_ip '192.168.1.5'"))).toEqual([]);
  });
});

describe("LAN hosts that use the public IPv4", () => {
  const firewall = parseUciExport(
    "config zone\n\toption name 'lan'\n\tlist network 'lan'\n\tlist network 'vpn'\n\toption forward 'ACCEPT'\n",
  );
  const zones = [{ name: "lan", networks: ["lan", "vpn"], devices: [] }, ...router.zones.slice(1)];
  const devices = (vpn: Partial<Parameters<typeof routerInterface>[1]>) =>
    design({ router: { firewall, zones, interfaces: [lan, loopback, wan6, routerInterface("vpn", vpn)] } })
      .hairpin?.devices;

  it("come by the same devices, be one of them down or up", () => {
    const up = devices({ device: "vpn", ipv4: [{ address: "10.9.0.1", mask: 24 }] });
    expect(up).toEqual(["br-lan", "vpn"]);
    expect(devices({ up: false, device: undefined })).toEqual(up);
  });
});
