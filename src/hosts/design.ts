import { HostError } from "../core/errors.js";
import { whyNotGlobal6, whyNotPublic4 } from "../inventory/addresses.js";
import { maxServers, takesAnyPort } from "../inventory/forwards.js";
import { type Site, serversOf } from "../inventory/site.js";
import { deriveEndpoint } from "./endpoint.js";
import { earlierRules } from "./router/earlier-rules.js";
import { networkOf, type RouterFacts, type RouterInterface } from "./router/facts.js";
import type { HostLink, VpsFacts } from "./vps/facts.js";
import { neighbourNotes } from "./vps/neighbour-notes.js";

/** What a tunnel comes to on its two hosts: every value that the inventory leaves to be found. */
export type Design = {
  /** The VPS's device towards the IPv4 internet, and the address that it has there. */
  readonly uplink: string;
  readonly uplinkIPv4: string;
  /** What the world types: the same, but for a VPS behind its provider's 1:1 NAT. */
  readonly publicIPv4: string;
  /** The device of the VPS's IPv6 default route. */
  readonly uplink6: string;
  /** The VPS's end of the tunnel. */
  readonly local: string;
  /** Whether ds4 adds `local`, or it is the VPS's one address. */
  readonly ownLocal: boolean;
  /** The router's end of the tunnel. */
  readonly remote: string;
  /** Of the tunnel, in bytes. */
  readonly mtu: number;
  /** Where `mtu` comes from. */
  readonly mtuFrom: "inventory" | "path" | "kept" | "links";
  readonly persist: "systemd" | "ifupdown";
  /** TCP ports of the public IPv4 that stay with the VPS, for SSH. */
  readonly keepPorts: readonly number[];
  readonly wanZone: string;
  readonly lanZone: string;
  /** Each server's number on the router, from 0, by which its things there are named. */
  readonly slots: ReadonlyMap<string, number>;
  /** What the user should know of these choices. */
  readonly notes: readonly string[];
};

/** The header that the tunnel puts before each packet (RFC 2473, without the encapsulation limit option). */
const overhead = 40;

const isPublic4 = (address: string) => whyNotPublic4(address) === undefined;
const isGlobal6 = (address: string) => whyNotGlobal6(address) === undefined;

/**
 * Works out a design. @throws HostError where a host lacks what it takes, with what to do about it.
 */
export function makeDesign(site: Site, vps: VpsFacts, router: RouterFacts): Design {
  const notes: string[] = [];
  const { uplink, uplinkIPv4, publicIPv4 } = findPublic(site, vps, notes);
  const { uplink6, local, ownLocal } = findLocal(site, vps, publicIPv4, notes);
  checkDevice(uplink6);
  const gateway = findGateway(site, router);
  const remote = site.router?.endpoint ?? deriveEndpoint(gateway.prefix, publicIPv4);
  const { lanZone, wanZone } = findZones(site, router, gateway.uplink);
  const linkMtu = Math.min(
    vps.links.find(({ name }) => name === uplink6)?.mtu ?? 1500,
    router.mtus.get(gateway.uplink.device ?? "") ?? 1500,
  );
  const { mtu, mtuFrom } = chooseMtu(site, vps, linkMtu);
  if (mtuFrom === "links") {
    notes.push(
      `the path between both ends could not be measured: the MTU ${mtu} is that of their links, less ${overhead}`,
    );
  }
  // Where only chosen ports go home, SSH's port isn't among them: see port-conflicts.ts.
  const keepPorts = takesAnyPort(site.forwards) ? sshPorts(vps, router, { publicIPv4, uplinkIPv4 }) : [];
  if (keepPorts.length > 0) {
    notes.push(`TCP port ${keepPorts.join(", ")} of ${publicIPv4} stays with the VPS, for SSH`);
  }
  notes.push(
    ...neighbourNotes(vps.neighbours, { publicIPv4, uplinkIPv4, keepPorts, forwards: site.forwards }),
  );
  const marking = [
    ...new Set(
      serversOf(site)
        .flatMap((server) => earlierRules(router, server))
        .filter(({ always }) => !always)
        .map(({ text }) => text),
    ),
  ];
  if (marking.length > 0) {
    notes.push(
      `rules by mark come before ds4's on the router (${marking.join("; ")}): what carries their mark of the server's connections goes where they say`,
    );
  }
  const persist = site.vps.persist ?? "systemd";
  if (persist === "ifupdown" && !vps.ifupdown.readsFolder) {
    throw new HostError("/etc/network/interfaces on the VPS doesn't read /etc/network/interfaces.d", {
      hint: "add the line 'source /etc/network/interfaces.d/*' to it, or leave 'persist: ifupdown' out",
    });
  }
  if (persist === "systemd" && !vps.systemd) {
    throw new HostError("the VPS doesn't run systemd", {
      hint: "with ifupdown, say 'vps: { persist: ifupdown }'",
    });
  }
  return {
    uplink,
    uplinkIPv4,
    publicIPv4,
    uplink6,
    local,
    ownLocal,
    remote,
    mtu,
    mtuFrom,
    persist,
    keepPorts,
    lanZone,
    wanZone,
    slots: findSlots(serversOf(site), router),
    notes,
  };
}

/** The public IPv4, and where it is. @throws HostError where the VPS has none, or not the one of the inventory. */
export function findPublic(
  site: Site,
  vps: VpsFacts,
  notes: string[],
): Pick<Design, "uplink" | "uplinkIPv4" | "publicIPv4"> {
  const { uplink, uplinkIPv4 } = findUplink(site, vps);
  checkDevice(uplink);
  const publicIPv4 = site.vps.publicIPv4 ?? uplinkIPv4;
  if (!isPublic4(publicIPv4)) {
    throw new HostError(`the VPS has no public IPv4 on ${uplink}, only ${uplinkIPv4}`, {
      hint: "where the provider maps a public address to it (1:1 NAT), say which: 'vps: { publicIPv4: … }'",
    });
  }
  if (publicIPv4 !== uplinkIPv4 && isPublic4(uplinkIPv4)) {
    throw new HostError(`the VPS has ${uplinkIPv4} on ${uplink}, not ${publicIPv4} as the inventory says`, {
      hint: `check 'vps: { publicIPv4: … }' in ${site.file}, or leave it out`,
    });
  }
  if (publicIPv4 !== uplinkIPv4) {
    notes.push(`the provider maps ${publicIPv4} to ${uplinkIPv4} on ${uplink}: the rules use the latter`);
  }
  return { uplink, uplinkIPv4, publicIPv4 };
}

/**
 * TCP ports of the VPS by which ds4 comes in, and came in; also to a router that is reached by a port of the VPS's, such
 * as that of a reverse tunnel.
 */
export function sshPorts(
  { keptPorts, sshPort4 }: VpsFacts,
  { way = [] }: Pick<RouterFacts, "way">,
  { publicIPv4, uplinkIPv4 }: Pick<Design, "publicIPv4" | "uplinkIPv4">,
): readonly number[] {
  const throughVps = way.filter(({ address }) => [publicIPv4, uplinkIPv4].includes(address));
  const all = [
    ...keptPorts,
    ...(sshPort4 === undefined ? [] : [sshPort4]),
    ...throughVps.map(({ port }) => port),
  ];
  return [...new Set(all)].sort((a, b) => a - b);
}

/** Names of devices get into files and rules as they are. */
export function checkDevice(name: string): void {
  if (/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}$/.test(name)) return;
  throw new HostError(`the VPS's uplink has a name that ds4 can't work with: ${JSON.stringify(name)}`, {
    hint: "give the interface a name of letters, digits, _ . and -, such as eth0",
  });
}

function findUplink(site: Site, vps: VpsFacts): { uplink: string; uplinkIPv4: string } {
  const name = site.vps.uplink ?? vps.uplink?.name;
  const link = vps.links.find((candidate) => candidate.name === name);
  if (name === undefined) {
    throw new HostError("the VPS has no IPv4 default route, so its uplink is unknown", {
      hint: "name it: 'vps: { uplink: eth0 }'",
    });
  }
  if (link === undefined) {
    throw new HostError(`the VPS has no interface ${name}`, {
      hint: `it has ${vps.links.map((l) => l.name).join(", ")}; check 'vps: { uplink: … }'`,
    });
  }
  const own = link.addresses
    .filter(({ family, global }) => family === 4 && global)
    .map(({ address }) => address);
  const wanted = site.vps.publicIPv4;
  const address =
    wanted !== undefined && own.includes(wanted)
      ? wanted
      : vps.uplink?.name === name
        ? vps.uplink.address
        : own[0];
  if (address === undefined) {
    throw new HostError(`the VPS has no IPv4 address on ${name}`, { hint: "check 'vps: { uplink: … }'" });
  }
  return { uplink: name, uplinkIPv4: address };
}

function findLocal(site: Site, vps: VpsFacts, publicIPv4: string, notes: string[]) {
  const uplink6 = vps.uplink6;
  const link = vps.links.find(({ name }) => name === uplink6);
  const global = link === undefined ? [] : usable(link, vps);
  const primary = global[0];
  if (uplink6 === undefined || primary === undefined) {
    throw new HostError(
      uplink6 === undefined
        ? "the VPS has no IPv6 default route"
        : `the VPS has no global IPv6 address on ${uplink6}`,
      {
        hint: "the tunnel needs IPv6: switch it on in the provider's panel and on the VPS, then check with 'ping -6'",
      },
    );
  }
  const endpoint = site.vps.endpoint;
  if (endpoint !== undefined && endpoint !== "primary") {
    return { uplink6, local: endpoint, ownLocal: !global.some(({ address }) => address === endpoint) };
  }
  const roomy = global.find(({ prefixLength }) => prefixLength <= 64);
  if (endpoint === "primary" || roomy === undefined) {
    if (roomy === undefined) {
      notes.push(
        `the VPS has only the address ${primary.address}/${primary.prefixLength}: the tunnel ends there`,
      );
    }
    return { uplink6, local: primary.address, ownLocal: false };
  }
  return { uplink6, local: deriveEndpoint(roomy.address, publicIPv4), ownLocal: true };
}

/** The addresses of a link that are its own and meant to be used. */
export function usable(link: HostLink, vps: VpsFacts) {
  return link.addresses.filter(
    ({ family, address, global, deprecated }) =>
      family === 6 &&
      global &&
      isGlobal6(address) &&
      !deprecated &&
      !(vps.owned?.tunnel?.ownLocal && vps.owned.tunnel.local === address),
  );
}

function findGateway(site: Site, router: RouterFacts): { uplink: RouterInterface; prefix: string } {
  const named = site.router?.uplink;
  const uplink =
    named === undefined
      ? (router.interfaces.find((entry) => entry.up && entry.defaultRoute6 && entry.prefixes.length > 0) ??
        router.interfaces.find((entry) => entry.up && entry.defaultRoute6))
      : router.interfaces.find(({ name }) => name === named);
  if (uplink === undefined) {
    throw new HostError(
      named === undefined ? "the router has no IPv6 default route" : `the router has no interface ${named}`,
      {
        hint:
          named === undefined
            ? "check its IPv6 uplink (usually 'wan6') in LuCI under Network > Interfaces"
            : `it has ${router.interfaces.map(({ name }) => name).join(", ")}; check 'router: { uplink: … }'`,
      },
    );
  }
  const prefix =
    uplink.prefixes.find(({ address, mask }) => isGlobal6(address) && mask <= 64) ??
    router.interfaces
      .flatMap(({ prefixes }) => prefixes)
      .find(({ address, mask }) => isGlobal6(address) && mask <= 64);
  if (prefix === undefined && site.router?.endpoint === undefined) {
    throw new HostError(`the router has no IPv6 prefix of its own: ${uplink.name} got none delegated`, {
      hint: `ask for one ('uci set network.${uplink.name}.reqprefix=auto'), check the provider's modem in front of it, or name an address of the router with 'router: { endpoint: … }'`,
    });
  }
  return { uplink, prefix: prefix?.address ?? "" };
}

function findLan(site: Site, router: RouterFacts, server: string): RouterInterface {
  const lan = networkOf(router, server);
  if (lan === undefined) {
    const networks = router.interfaces
      .filter(({ name }) => name !== "loopback")
      .flatMap(({ name, ipv4 }) => ipv4.map(({ address, mask }) => `${name} ${address}/${mask}`));
    throw new HostError(`the server ${server} is in none of the router's networks (${networks.join(", ")})`, {
      hint: `check 'server: …' in ${site.file}`,
    });
  }
  if (lan.ipv4.some(({ address }) => address === server)) {
    throw new HostError(`${server} is the router itself, not a server behind it`, {
      hint: `put the home server's address into 'server: …' in ${site.file}`,
    });
  }
  return lan;
}

function findZones(site: Site, router: RouterFacts, uplink: RouterInterface) {
  const zone = (entry: RouterInterface, given: string | undefined, key: string) => {
    if (given !== undefined) {
      if (router.zones.some(({ name }) => name === given)) return given;
    } else {
      const found = router.zones.find(
        ({ networks, devices }) => networks.includes(entry.name) || devices.includes(entry.device ?? ""),
      );
      if (found) return found.name;
    }
    throw new HostError(
      given === undefined
        ? `the router's interface ${entry.name} is in no firewall zone`
        : `the router has no firewall zone '${given}'`,
      {
        hint: `it has ${router.zones.map(({ name }) => name).join(", ")}; name one with 'router: { zones: { ${key}: … } }'`,
      },
    );
  };
  const lanZones = serversOf(site).map((server) =>
    zone(findLan(site, router, server), site.router?.zones.lan, "lan"),
  );
  const [lanZone = ""] = lanZones;
  if (lanZones.some((other) => other !== lanZone)) {
    throw new HostError(
      `the servers are in different firewall zones of the router: ${[...new Set(lanZones)].join(", ")}`,
      { hint: "put them into networks of one zone; ds4 lets the tunnel into one" },
    );
  }
  return { lanZone, wanZone: zone(uplink, site.router?.zones.wan, "wan") };
}

/** A server that is there keeps its slot, so that nothing of it is made anew when others come or go. */
function findSlots(servers: readonly string[], { network }: RouterFacts): ReadonlyMap<string, number> {
  const had = new Map(
    network.flatMap(({ name, options }): [string, number][] => {
      const number = /^ds4_rule_main(?:_(\d+))?$/.exec(name);
      return number ? [[String(options.src).replace(/\/32$/, ""), Number(number[1] ?? 1) - 1]] : [];
    }),
  );
  const slots = new Map<string, number>();
  const free = Array.from({ length: maxServers }, (_, slot) => slot);
  const take = (server: string, slot = free[0] ?? 0) => {
    if (!free.includes(slot)) return;
    free.splice(free.indexOf(slot), 1);
    slots.set(server, slot);
  };
  for (const server of servers) if (had.has(server)) take(server, had.get(server));
  for (const server of servers) if (!slots.has(server)) take(server);
  return slots;
}

function chooseMtu(site: Site, vps: VpsFacts, linkMtu: number): Pick<Design, "mtu" | "mtuFrom"> {
  if (site.tunnel.mtu !== undefined) return { mtu: site.tunnel.mtu, mtuFrom: "inventory" };
  const largest = Math.max(0, ...(vps.path?.answered ?? []));
  if (largest > 0) return { mtu: Math.min(largest, linkMtu) - overhead, mtuFrom: "path" };
  if (vps.owned?.tunnel !== undefined) return { mtu: vps.owned.tunnel.mtu, mtuFrom: "kept" };
  return { mtu: linkMtu - overhead, mtuFrom: "links" };
}
