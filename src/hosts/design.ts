import type { Peer } from "../core/shell.js";
import { contains4 } from "../inventory/addresses.js";
import { maxServers } from "../inventory/forwards.js";
import { type PersistBy, type Site, serversOf } from "../inventory/site.js";
import type { EarlierRule } from "./earlier-rules.js";
import { type Entrance, findEntrances, findPublic, type PublicAddress, usedEntrances } from "./entrances.js";
import { findEnd, findPersist } from "./linux/end.js";
import { type VpsFacts, vpsHost } from "./vps/facts.js";
import { neighbourNotes } from "./vps/neighbour-notes.js";

/** What a tunnel comes to on its hosts, whatever is at home: every value that the inventory leaves to be found. */
export type Design = PublicAddress & {
  /** What comes in by the site's own public IPv4, and then by each other one. */
  readonly entrances: readonly [Entrance, ...Entrance[]];
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
  /** Each server's number at home, from 0, by which its things there are named. */
  readonly slots: ReadonlyMap<string, number>;
  /** What the user should know of these choices. */
  readonly notes: readonly string[];
};

/** The header that the tunnel puts before each packet (RFC 2473, without the encapsulation limit option). */
const overhead = 40;

/** What is known of the home's end before the rest of a design is. */
type HomeSide = Pick<Design, "remote" | "slots"> & {
  /** MTU of the device that carries the tunnel there. */
  readonly mtu: number;
  /** The ways by which the laptop came to the hosts at home. */
  readonly ways: readonly Peer[];
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
  const own = findPublic(site, vps, notes);
  const { publicIPv4 } = own;
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
  const entrances = findEntrances(site, vps, side.ways, own);
  for (const entrance of entrances)
    if (entrance.keepPorts.length > 0)
      notes.push(
        `TCP port ${entrance.keepPorts.join(", ")} of ${entrance.publicIPv4} stays with the VPS, for SSH`,
      );
  notes.push(...otherWays(site, vps), ...neighbourNotes(vps.neighbours, usedEntrances(entrances)));
  const marking = side.earlierRules.filter(({ always }) => !always).map(({ text }) => text);
  if (marking.length > 0) {
    notes.push(
      `rules by mark come before ds4's on the ${place} (${[...new Set(marking)].join("; ")}): what carries their mark of the server's connections goes where they say`,
    );
  }
  const design = {
    ...own,
    entrances,
    uplink6: end.device,
    local: end.address,
    ownLocal: end.own,
    remote: side.remote,
    mtu,
    mtuFrom,
    persist: findPersist(vps, vpsHost, site.vps.persist),
    slots: side.slots,
    notes,
  };
  return { design, side };
}

/** Networks by which the VPS reaches the servers without ds4: what it begins there itself goes by the tunnel, too. */
function otherWays(site: Site, { routes }: VpsFacts): readonly string[] {
  return serversOf(site).flatMap((server) =>
    routes
      .filter(
        ({ target, device }) =>
          device !== "" && target.includes("/") && !target.endsWith("/0") && contains4(target, server),
      )
      .map(
        ({ target, device }) =>
          `the VPS has a route to ${target} by ${device}, which holds ${server}: what the VPS itself sends there goes by the tunnel from now on, and reaches what is forwarded alone`,
      ),
  );
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

/** What a server's things on the router have at the end of their names: the first one's have nothing. */
export function suffixOf({ slots }: Pick<Design, "slots">, server: string): string {
  const slot = slots.get(server) ?? 0;
  return slot === 0 ? "" : `_${slot + 1}`;
}
