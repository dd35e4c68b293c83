import { describe, expect, it } from "vitest";
import { address, eth0, link, lo, site, siteWith } from "../world.js";
import { design, owned, refusal, withAddresses } from "./designing.js";

describe("a site without any setting", () => {
  it("is found on the hosts", () => {
    expect(design()).toEqual({
      uplink: "eth0",
      uplinkIPv4: "203.0.113.144",
      publicIPv4: "203.0.113.144",
      uplink6: "eth0",
      local: "2001:db8:1:0:203:0:113:144",
      ownLocal: true,
      remote: "2001:db8:100:0:203:0:113:144",
      mtu: 1460,
      mtuFrom: "path",
      persist: "systemd",
      entrances: [
        {
          publicIPv4: "203.0.113.144",
          uplinkIPv4: "203.0.113.144",
          forwards: site.forwards,
          keepPorts: [22],
          visitor: "198.18.0.1",
        },
      ],
      wanZone: "wan",
      lanZone: "lan",
      hairpin: { devices: ["br-lan"], networks: new Map([["192.168.1.210", "192.168.1.0/24"]]) },
      slots: new Map([["192.168.1.210", 0]]),
      notes: ["TCP port 22 of 203.0.113.144 stays with the VPS, for SSH"],
    });
  });
});

describe("a VPS that reaches the home by a tunnel of somebody's", () => {
  const route = (target: string, device: string) => ({ target, device, protocol: "boot", metric: 0 });

  it("is told that what it sends to the server takes ds4's from now on", () => {
    const routes = [route("default", "eth0"), route("192.168.2.0/24", "wg0"), route("192.168.0.0/16", "")];
    expect(design({ vps: { routes } }).notes).toHaveLength(1);
    const { notes } = design({ vps: { routes: [...routes, route("192.168.1.0/24", "wg0")] } });
    expect(notes).toHaveLength(2);
    expect(notes[1]).toMatch(
      /route to 192\.168\.1\.0\/24 by wg0, which holds 192\.168\.1\.210: .* by the tunnel/,
    );
  });
});

describe("the public IPv4", () => {
  const private4 = {
    ...withAddresses("10.0.0.5/24", "2001:db8:1::10/64"),
    uplink: { name: "eth0", address: "10.0.0.5" },
  };

  it("may be the provider's, mapped 1:1 to a private one, which the rules then use", () => {
    const made = design({ vps: private4, site: siteWith({ vps: { publicIPv4: "203.0.113.7" } }) });
    expect(made).toMatchObject({
      publicIPv4: "203.0.113.7",
      uplinkIPv4: "10.0.0.5",
      local: "2001:db8:1:0:203:0:113:7",
    });
    expect(made.notes[0]).toBe("the provider maps 203.0.113.7 to 10.0.0.5 on eth0: the rules use the latter");
  });

  it("has to be said where only a private one is there", () => {
    expect(refusal({ vps: private4 })).toMatch(/no public IPv4 on eth0, only 10\.0\.0\.5\n.*publicIPv4/);
  });

  it("can't be another one than the public one that is there", () => {
    expect(refusal({ site: siteWith({ vps: { publicIPv4: "198.51.100.9" } }) })).toMatch(
      /has 203\.0\.113\.144 on eth0, not 198\.51\.100\.9 .*\n.*inventory\/home\.yaml/,
    );
  });

  it("may be a second one of the uplink", () => {
    const two = withAddresses("203.0.113.144/24", "203.0.113.145/32", "2001:db8:1::10/64");
    expect(design({ vps: two, site: siteWith({ vps: { publicIPv4: "203.0.113.145" } }) })).toMatchObject({
      publicIPv4: "203.0.113.145",
      uplinkIPv4: "203.0.113.145",
    });
  });
});

describe("the uplink", () => {
  const eth1 = link("eth1", { addresses: [address("198.51.100.3/24")] });

  it("may be another one than that of the default route", () => {
    expect(
      design({ vps: { links: [lo, eth0, eth1] }, site: siteWith({ vps: { uplink: "eth1" } }) }),
    ).toMatchObject({ uplink: "eth1", publicIPv4: "198.51.100.3", uplink6: "eth0" });
  });

  it("has to be said where no default route is there", () => {
    expect(refusal({ vps: { uplink: undefined } })).toMatch(/no IPv4 default route.*\n.*uplink: eth0/);
  });

  it("has to be there", () => {
    expect(refusal({ site: siteWith({ vps: { uplink: "ens3" } }) })).toMatch(
      /no interface ens3\nit has lo, eth0/,
    );
  });

  it("has to have an IPv4", () => {
    expect(
      refusal({ vps: { links: [lo, eth0, link("eth1")] }, site: siteWith({ vps: { uplink: "eth1" } }) }),
    ).toContain("no IPv4 address on eth1");
  });
});

describe("the VPS's end of the tunnel", () => {
  it("takes IPv6, and says so where there is none", () => {
    expect(refusal({ vps: { uplink6: undefined } })).toMatch(/no IPv6 default route\nthe tunnel needs IPv6/);
    expect(refusal({ vps: withAddresses("203.0.113.144/24", "fe80::1/64", "fd00::1/64") })).toContain(
      "no global IPv6 address on eth0",
    );
  });

  it("is the VPS's one address where that is a /128, and says so", () => {
    const made = design({ vps: withAddresses("203.0.113.144/24", "2001:db8:1::10/128") });
    expect(made).toMatchObject({ local: "2001:db8:1::10", ownLocal: false });
    expect(made.notes[0]).toBe("the VPS has only the address 2001:db8:1::10/128: the tunnel ends there");
  });

  it("is in the prefix of an address that has room, not of a /128 before it", () => {
    expect(
      design({ vps: withAddresses("203.0.113.144/24", "2001:db8:9::10/128", "2001:db8:1::10/64") }),
    ).toMatchObject({ local: "2001:db8:1:0:203:0:113:144", ownLocal: true });
  });

  it("isn't made of an address that is deprecated, or that ds4 put there itself", () => {
    const links = [
      lo,
      link("eth0", {
        addresses: [
          address("203.0.113.144/24"),
          address("2001:db8:dead::1/64", { deprecated: true }),
          address(`${owned.tunnel.local}/128`, { deprecated: true }),
          address("2001:db8:1::10/64"),
        ],
      }),
    ];
    expect(design({ vps: { links, owned, marked: true } })).toMatchObject({
      local: owned.tunnel.local,
      ownLocal: true,
    });
  });

  it("is not made of the address that an earlier ds4 made", () => {
    const vps = {
      ...withAddresses("203.0.113.144/24", `${owned.tunnel.local}/128`, "2001:db8:1::10/128"),
      owned,
    };
    expect(design({ vps })).toMatchObject({ local: "2001:db8:1::10", ownLocal: false });
  });

  it("may be said: 'primary', one that is there, or another one", () => {
    const end = (endpoint: string) => design({ site: siteWith({ vps: { endpoint } }) });
    expect(end("primary")).toMatchObject({
      local: "2001:db8:1::10",
      ownLocal: false,
      notes: [expect.any(String)],
    });
    expect(end("2001:db8:1::10")).toMatchObject({ local: "2001:db8:1::10", ownLocal: false });
    expect(end("2001:db8:1::99")).toMatchObject({ local: "2001:db8:1::99", ownLocal: true });
  });
});

describe("the tunnel's MTU", () => {
  const unknown = { path: undefined };

  it("is what the inventory says, before everything else", () => {
    expect(design({ site: siteWith({ tunnel: { mtu: 1420 } }) })).toMatchObject({
      mtu: 1420,
      mtuFrom: "inventory",
    });
  });

  it("is the largest packet that was answered, less the header, and no more than the links carry", () => {
    const path = { answered: [1280, 1492, 1400], silent: [1500] };
    expect(design({ vps: { path } })).toMatchObject({ mtu: 1452, mtuFrom: "path" });
    const mtus = new Map([["eth1", 1480]]);
    expect(design({ vps: { path }, router: { mtus } })).toMatchObject({ mtu: 1440, mtuFrom: "path" });
  });

  it("stays what it was where nothing was answered", () => {
    const silent = { path: { answered: [], silent: [1500, 1440] } };
    expect(design({ vps: { ...silent, owned } })).toMatchObject({ mtu: 1400, mtuFrom: "kept" });
  });

  it("comes from the links where nothing is known, and says so", () => {
    const links = [lo, { ...eth0, mtu: 1450 }];
    const made = design({ vps: { ...unknown, links } });
    expect(made).toMatchObject({ mtu: 1410, mtuFrom: "links" });
    expect(made.notes[0]).toMatch(/could not be measured: the MTU 1410/);
  });
});

describe("the ports that stay with the VPS", () => {
  const at = (address: string, port: number) => ({ address, port });
  const kept = (...ports: readonly number[]) => ports.map((port) => at("203.0.113.144", port));

  it("are that of this session and those of earlier ones, each once and in order", () => {
    const made = design({ vps: { ssh4: at("203.0.113.144", 22), keptPorts: kept(2222, 22) } });
    expect(made.entrances.map(({ keepPorts }) => keepPorts)).toEqual([[22, 2222]]);
    expect(made.notes).toEqual([expect.stringMatching(/^TCP port 22, 2222 of 203\.0\.113\.144 stays/)]);
  });

  it("are those by which the router is reached, too", () => {
    const way = [at("198.51.100.1", 22), at("203.0.113.144", 2222), at("localhost", 2200)];
    const keptBy = (some: typeof way) => design({ router: { way: some } }).entrances[0].keepPorts;
    expect(keptBy(way)).toEqual([22, 2222]);
    expect(keptBy([at("2001:db8:1::10", 2222)])).toEqual([22]);
  });

  it("are none where the session came by IPv6", () => {
    expect(design({ vps: { ssh4: undefined } })).toMatchObject({
      entrances: [{ keepPorts: [] }],
      notes: [expect.stringContaining("no longer to these services of the VPS: TCP 22 (sshd)")],
    });
  });
});

describe("what brings it back at boot", () => {
  const ifupdown = siteWith({ vps: { persist: "ifupdown" } });

  it("is systemd, or ifupdown where the inventory says so", () => {
    expect(design({ site: ifupdown }).persist).toBe("ifupdown");
    expect(design({ site: ifupdown, vps: { systemd: false } }).persist).toBe("ifupdown");
  });

  it("has to be there", () => {
    expect(refusal({ vps: { systemd: false } })).toMatch(/doesn't run systemd\n.*persist: ifupdown/);
    expect(
      refusal({ site: ifupdown, vps: { ifupdown: { interfaces: ["eth0"], readsFolder: false } } }),
    ).toMatch(/doesn't read \/etc\/network\/interfaces\.d\n.*source/);
  });
});
