import { makeHomeDesign } from "../../src/hosts/home/design.js";
import type { HomeFacts } from "../../src/hosts/home/facts.js";
import type { HostAddress, HostLink } from "../../src/hosts/linux/facts.js";
import { makeRouterDesign } from "../../src/hosts/router/design.js";
import type { RouterFacts, RouterInterface } from "../../src/hosts/router/facts.js";
import { parseUciExport } from "../../src/hosts/router/uci.js";
import type { VpsFacts } from "../../src/hosts/vps/facts.js";
import type { HomeWorld, RouterWorld } from "../../src/hosts/world.js";
import { parseSite } from "../../src/inventory/load.js";
import type { Site } from "../../src/inventory/site.js";

// A home as it may be, in the addresses of the lab; each test says only what is different with it.

export const site: Site = parseSite(
  "vps: { ssh: root@203.0.113.144 }\nrouter: { ssh: root@192.168.1.1 }\nserver: 192.168.1.210\n",
  "inventory/home.yaml",
);

/** The short form of an inventory: all of it to one server. */
export const allTo = (server: string): Site["forwards"] => [
  { server, egress: "vps", line: 3, all: { except: [] }, flows: [] },
];
export const server = "192.168.1.210";

export const address = (text: string, more: Partial<HostAddress> = {}): HostAddress => {
  const [plain = "", length = "0"] = text.split("/");
  return {
    family: plain.includes(":") ? 6 : 4,
    address: plain,
    prefixLength: Number(length),
    global: !plain.startsWith("fe80:") && plain !== "127.0.0.1",
    deprecated: false,
    ...more,
  };
};

export const link = (name: string, more: Partial<HostLink> = {}): HostLink => ({
  name,
  mtu: 1500,
  up: true,
  kind: "",
  data: {},
  addresses: [],
  ...more,
});

export const lo = link("lo", { mtu: 65536, addresses: [address("127.0.0.1/8")] });
export const eth0 = link("eth0", {
  addresses: [address("203.0.113.144/24"), address("2001:db8:1::10/64"), address("fe80::1/64")],
});

export const vps: VpsFacts = {
  os: "debian 12",
  vendor: "QEMU",
  armed: undefined,
  root: true,
  systemd: true,
  iptables: "1.8.9 nf_tables",
  conntrack: true,
  socat: false,
  tunnelModule: true,
  links: [lo, eth0],
  uplink: { name: "eth0", address: "203.0.113.144" },
  uplink6: "eth0",
  networkFiles: new Map(),
  networkManager: false,
  routes: [],
  ifupdown: { interfaces: ["lo", "eth0"], readsFolder: true },
  ssh4: { address: "203.0.113.144", port: 22 },
  keptPorts: [],
  owned: undefined,
  marked: false,
  ownPackages: [],
  freeKib: 100_000,
  path: { answered: [1500, 1492, 1280], silent: [] },
  neighbours: {
    services: [{ protocol: "tcp", address: "any", port: 22, program: "sshd" }],
    barriers: [],
    firewalld: { installed: false, reload: false },
    flushes: false,
  },
};

export const routerInterface = (name: string, more: Partial<RouterInterface> = {}): RouterInterface => ({
  name,
  up: true,
  device: undefined,
  ipv4: [],
  ipv6: [],
  prefixes: [],
  defaultRoute6: false,
  ...more,
});

export const lan = routerInterface("lan", {
  device: "br-lan",
  ipv4: [{ address: "192.168.1.1", mask: 24 }],
  ipv6: [{ address: "2001:db8:100::1" }],
});
export const loopback = routerInterface("loopback", {
  device: "lo",
  ipv4: [{ address: "127.0.0.1", mask: 8 }],
});
export const wan6 = routerInterface("wan6", {
  device: "eth1",
  ipv6: [{ address: "2001:db8:ffff::2" }],
  prefixes: [{ address: "2001:db8:100::", mask: 56 }],
  defaultRoute6: true,
});

export const router: RouterFacts = {
  armed: undefined,
  release: "OpenWrt 24.10.5",
  firewall4: true,
  packageManager: "opkg",
  tunnelTool: true,
  tunnelModule: true,
  interfaces: [lan, loopback, wan6],
  tunnels: [],
  mtus: new Map([
    ["lo", 65536],
    ["br-lan", 1500],
    ["eth1", 1500],
  ]),
  network: parseUciExport("config interface 'lan'\n\toption device 'br-lan'\n"),
  firewall: parseUciExport(
    "config zone\n\toption name 'lan'\n\tlist network 'lan'\n\toption forward 'ACCEPT'\n",
  ),
  zones: [
    { name: "lan", networks: ["lan"], devices: [] },
    { name: "wan", networks: ["wan", "wan6"], devices: [] },
  ],
  rules: "0:\tfrom all lookup local\n32766:\tfrom all lookup main\n32767:\tfrom all lookup default\n",
  table: "",
  staged: [],
  pendingApply: false,
  owned: undefined,
  marked: false,
  ownPackages: [],
  freeKib: 10_000,
};

/** All of it together, with the design that comes out. */
export function world(
  more: { site?: Partial<Site>; vps?: Partial<VpsFacts>; router?: Partial<RouterFacts> } = {},
): RouterWorld {
  const all = {
    site: { ...site, ...more.site },
    vps: { ...vps, ...more.vps },
    router: { ...router, ...more.router },
  };
  return { ...all, design: makeRouterDesign(all.site, all.vps, all.router) };
}

/** The site with other values in its sections. */
export function siteWith(more: {
  vps?: Partial<Site["vps"]>;
  router?: Partial<NonNullable<Site["router"]>>;
  tunnel?: Partial<Site["tunnel"]>;
  server?: string;
}): Site {
  return {
    ...site,
    ...(more.server === undefined ? {} : { forwards: allTo(more.server) }),
    vps: { ...site.vps, ...more.vps },
    router: { ssh: "router", zones: {}, ...site.router, ...more.router },
    tunnel: { ...site.tunnel, ...more.tunnel },
  };
}

// The same home with a Linux machine instead of the router: the server itself.

export const linuxSite: Site = parseSite(
  "vps: { ssh: root@203.0.113.144 }\nhome: { kind: linux, ssh: root@192.168.1.210 }\nserver: 192.168.1.210\n",
  "inventory/home.yaml",
);

export const home: HomeFacts = {
  ...vps,
  links: [
    lo,
    link("eth0", {
      addresses: [address("192.168.1.210/24"), address("2001:db8:100::210/64"), address("fe80::2/64")],
    }),
  ],
  uplink: { name: "eth0", address: "192.168.1.210" },
  ssh4: undefined,
  rules: router.rules,
  table: "",
};

export function homeWorld(
  more: { site?: Partial<Site>; vps?: Partial<VpsFacts>; home?: Partial<HomeFacts> } = {},
): HomeWorld {
  const all = {
    site: { ...linuxSite, ...more.site },
    vps: { ...vps, ...more.vps },
    home: { ...home, ...more.home },
  };
  return { ...all, design: makeHomeDesign(all.site, all.vps, all.home) };
}
