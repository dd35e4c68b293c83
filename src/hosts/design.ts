import { HostError } from "../core/errors.js";
import type { Peer } from "../core/shell.js";
import { whyNotPublic4 } from "../inventory/addresses.js";
import { type Forward, maxServers, takesAnyPort } from "../inventory/forwards.js";
import { type PersistBy, type Site, serversOf } from "../inventory/site.js";
import type { EarlierRule } from "./earlier-rules.js";
import { checkDevice, findEnd, findPersist } from "./linux/end.js";
import { type VpsFacts, vpsHost } from "./vps/facts.js";
import { neighbourNotes } from "./vps/neighbour-notes.js";

/** What a tunnel comes to on its hosts, whatever is at home: every value that the inventory leaves to be found. */
export type Design = {
  /** The VPS's device towards the IPv4 internet, and the address that it has there. */
  readonly uplink: string;
  readonly uplinkIPv4: string;
  /** What the world types: the same, but for a VPS behind its provider's 1:1 NAT. */
  readonly publicIPv4: string;
  /** Each public IPv4 of which something goes home: that one first, and then those that entries of `forward` name. */
  readonly entrances: readonly Entrance[];
  /** The device of the VPS's IPv6 default route. */
  readonly uplink6: string;
  /** The VPS's end of the tunnel. */
  readonly local: string;
  /** Whether ds4 adds `local`, or it is the VPS's one address. */
  readonly ownLocal: boolean;
  /** The home's end of the tunnel. */
  readonly remote: string;
  /** Of the tunnel, in bytes. */
  readonly mtu: number;
  /** Where `mtu` comes from. */
  readonly mtuFrom: "inventory" | "path" | "kept" | "links";
  readonly persist: PersistBy;
  /** TCP ports of the public IPv4 that stay with the VPS, for SSH. */
  readonly keepPorts: readonly number[];
  /** Each server's number at home, from 0, by which its things there are named. */
  readonly slots: ReadonlyMap<string, number>;
  /** What the user should know of these choices. */
  readonly notes: readonly string[];
};

/** A public IPv4, and what of it goes home. */
export type Entrance = Pick<Design, "publicIPv4" | "uplinkIPv4"> & { readonly forwards: readonly Forward[] };

/** The public IPv4 by which visitors come to a server. */
export function entranceOf({ entrances }: Pick<Design, "entrances">, server: string): Entrance {
  const entrance = entrances.find(({ forwards }) => forwards.some((forward) => forward.server === server));
  if (entrance === undefined) throw new Error(`${server} is no server of this site`);
  return entrance;
}

/** The ports of it that stay with the VPS: where only chosen ones go home, SSH's isn't among them (port-conflicts.ts). */
export const keptOf = (
  { keepPorts }: Pick<Design, "keepPorts">,
  { forwards }: Entrance,
): readonly number[] => (takesAnyPort(forwards) ? keepPorts : []);

/** The header that the tunnel puts before each packet (RFC 2473, without the encapsulation limit option). */
const overhead = 40;

const isPublic4 = (address: string) => whyNotPublic4(address) === undefined;

/** What is known of the home's end before the rest of a design is. */
export type HomeSide = Pick<Design, "remote" | "slots"> & {
  /** MTU of the device that carries the tunnel there. */
  readonly mtu: number;
  /** The way by which the laptop came in. */
  readonly way: readonly Peer[];
  readonly earlierRules: readonly EarlierRule[];
};

/**
 * Works out a design. `findHome` looks for the home's end, once the public IPv4 is known.
 * @throws HostError where a host lacks what it takes, with what to do about it.
 */
export function makeDesign<Side extends HomeSide>(
  site: Site,
  vps: VpsFacts,
  place: string,
  findHome: (publicIPv4: string, notes: string[]) => Side,
): { readonly design: Design; readonly side: Side } {
  const notes: string[] = [];
  const { uplink, uplinkIPv4, publicIPv4, entrances } = findPublic(site, vps, notes);
  const end = findEnd(
    vps,
    vpsHost,
    { device: vps.uplink6, endpoint: site.vps.endpoint },
    publicIPv4,
    notes,
    "switch it on in the provider's panel and on the VPS",
  );
  const side = findHome(publicIPv4, notes);
  const linkMtu = Math.min(vps.links.find(({ name }) => name === end.device)?.mtu ?? 1500, side.mtu);
  const { mtu, mtuFrom } = chooseMtu(site, vps, linkMtu);
  if (mtuFrom === "links") {
    notes.push(
      `the path between both ends could not be measured: the MTU ${mtu} is that of their links, less ${overhead}`,
    );
  }
  const keepPorts = takesAnyPort(site.forwards) ? sshPorts(vps, side.way, entrances) : [];
  if (keepPorts.length > 0) {
    const whose = entrances
      .filter((entrance) => keptOf({ keepPorts }, entrance).length > 0)
      .map((entrance) => entrance.publicIPv4);
    notes.push(`TCP port ${keepPorts.join(", ")} of ${whose.join(", ")} stays with the VPS, for SSH`);
  }
  notes.push(...neighbourNotes(vps.neighbours, entrances, keepPorts));
  const marking = side.earlierRules.filter(({ always }) => !always).map(({ text }) => text);
  if (marking.length > 0) {
    notes.push(
      `rules by mark come before ds4's on the ${place} (${[...new Set(marking)].join("; ")}): what carries their mark of the server's connections goes where they say`,
    );
  }
  const design = {
    uplink,
    uplinkIPv4,
    publicIPv4,
    entrances,
    uplink6: end.device,
    local: end.address,
    ownLocal: end.own,
    remote: side.remote,
    mtu,
    mtuFrom,
    persist: findPersist(vps, vpsHost, site.vps.persist),
    keepPorts,
    slots: side.slots,
    notes,
  };
  return { design, side };
}

/** The public IPv4s, and where they are. @throws HostError where the VPS has none, or not those of the inventory. */
export function findPublic(
  site: Site,
  vps: VpsFacts,
  notes: string[],
): Pick<Design, "uplink" | "uplinkIPv4" | "publicIPv4" | "entrances"> {
  const { uplink, uplinkIPv4, own } = findUplink(site, vps);
  checkDevice(uplink, vpsHost);
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
  const others = new Map(
    site.forwards.flatMap(({ publicIPv4: other, line }) =>
      other === undefined ? [] : [[other, line] as const],
    ),
  );
  for (const [other, line] of others) {
    if (!own.includes(other)) {
      throw new HostError(`the VPS has no ${other} on ${uplink}, which ${site.file}:${line} names`, {
        hint: `it has ${own.join(", ")}; give it the address in its network's configuration, or take it out of the inventory`,
      });
    }
  }
  const of = (wanted: string | undefined) => site.forwards.filter((forward) => forward.publicIPv4 === wanted);
  const entrances = [
    { publicIPv4, uplinkIPv4, forwards: of(undefined) },
    ...[...others.keys()].map((other) => ({ publicIPv4: other, uplinkIPv4: other, forwards: of(other) })),
  ].filter(({ forwards }) => forwards.length > 0);
  return { uplink, uplinkIPv4, publicIPv4, entrances };
}

/**
 * TCP ports of the VPS by which ds4 comes in, and came in; also to a host at home that is reached by a port of the
 * VPS's, such as that of a reverse tunnel.
 */
export function sshPorts(
  { keptPorts, sshPort4 }: VpsFacts,
  way: readonly Peer[],
  entrances: readonly Entrance[],
): readonly number[] {
  const throughVps = way.filter(({ address }) =>
    entrances.some(({ publicIPv4, uplinkIPv4 }) => [publicIPv4, uplinkIPv4].includes(address)),
  );
  const all = [
    ...keptPorts,
    ...(sshPort4 === undefined ? [] : [sshPort4]),
    ...throughVps.map(({ port }) => port),
  ];
  return [...new Set(all)].sort((a, b) => a - b);
}

/** `own`: all IPv4 addresses of the uplink. */
function findUplink(
  site: Site,
  vps: VpsFacts,
): { uplink: string; uplinkIPv4: string; own: readonly string[] } {
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
  return { uplink: name, uplinkIPv4: address, own };
}

/** Numbers for the servers: one that is there keeps its own, so that nothing of it is made anew when others come or go. */
export function numberServers(site: Site, had: ReadonlyMap<string, number>): ReadonlyMap<string, number> {
  const servers = serversOf(site);
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
