import { HostError, InventoryError } from "../core/errors.js";
import type { Peer } from "../core/shell.js";
import { isPublic4 } from "../inventory/addresses.js";
import { type Forward, takesAnyPort } from "../inventory/forwards.js";
import type { Site } from "../inventory/site.js";
import { checkDevice } from "./linux/end.js";
import type { SshAt } from "./linux/facts.js";
import { type VpsFacts, vpsHost } from "./vps/facts.js";

/** The public IPv4 of a site, and where it is. */
export type PublicAddress = {
  /** The VPS's device towards the IPv4 internet, and the address that it has there. */
  readonly uplink: string;
  readonly uplinkIPv4: string;
  /** What the world types: the same, but for a VPS behind its provider's 1:1 NAT. */
  readonly publicIPv4: string;
};

/** One public IPv4 of the VPS's, and what comes in by it. */
export type Entrance = Omit<PublicAddress, "uplink"> & {
  /** What goes home; nothing where the inventory has something for the others alone. */
  readonly forwards: readonly Forward[];
  /** TCP ports that stay with the VPS, for SSH. */
  readonly keepPorts: readonly number[];
  /** The address of the made visitor who proves it. */
  readonly visitor: string;
};

/**
 * The address from which the first entrance's visitor comes: of the range for benchmarks (RFC 2544), which no real
 * visitor has. Its packets don't leave the VPS but through the tunnel, and the answers to it don't either.
 */
export const visitorIPv4 = "198.18.0.1";

/** The public IPv4, and where it is. @throws HostError where the VPS has none, or not the one of the inventory. */
export function findPublic(site: Site, vps: VpsFacts, notes: string[]): PublicAddress {
  const { uplink, uplinkIPv4 } = findUplink(site, vps);
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
  return { uplink, uplinkIPv4, publicIPv4 };
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
  const own = addressesOn(vps, name);
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

/** A device's IPv4 addresses, but for those that mean the host or the link alone. */
const addressesOn = ({ links }: VpsFacts, device: string) =>
  (links.find(({ name }) => name === device)?.addresses ?? [])
    .filter(({ family, global }) => family === 4 && global)
    .map(({ address }) => address);

/**
 * The site's own public IPv4 first, then each other one that the inventory has something for, in its order.
 * @throws InventoryError where an address isn't on the uplink, or it isn't clear what goes by the site's own one.
 */
export function findEntrances(
  site: Site,
  vps: VpsFacts,
  way: readonly Peer[],
  own: PublicAddress,
): readonly [Entrance, ...Entrance[]] {
  for (const forward of site.forwards) checkEntrance(site, vps, own, forward);
  const first = { publicIPv4: own.publicIPv4, uplinkIPv4: own.uplinkIPv4 };
  const others = [...new Set(site.forwards.flatMap(({ publicIPv4 }) => publicIPv4?.address ?? []))]
    .filter((address) => address !== own.publicIPv4)
    .map((address) => ({ publicIPv4: address, uplinkIPv4: address }));
  const all = [first, ...others];
  const make = (one: typeof first, at: number): Entrance => {
    const forwards = site.forwards.filter(
      ({ publicIPv4 }) => (publicIPv4?.address ?? own.publicIPv4) === one.publicIPv4,
    );
    return {
      ...one,
      forwards,
      // Where only chosen ports go home, SSH's port isn't among them: see port-conflicts.ts.
      keepPorts: takesAnyPort(forwards) ? sshPorts(vps, way, all, one) : [],
      visitor: visitorIPv4.replace(/\d+$/, String(at + 1)),
    };
  };
  return [make(first, 0), ...others.map((one, at) => make(one, at + 1))];
}

/** The entrances by which something goes home. */
export const usedEntrances = (entrances: readonly Entrance[]) =>
  entrances.filter(({ forwards }) => forwards.length > 0);

/** The entrance that is a server's own, by which leaves what it begins: that of its first entry. */
export function entranceOf(
  { forwards }: Pick<Site, "forwards">,
  { entrances: [first, ...others] }: { readonly entrances: readonly [Entrance, ...Entrance[]] },
  server: string,
): Entrance {
  const entry = forwards.find((forward) => forward.server === server);
  return others.find((entrance) => entry !== undefined && entrance.forwards.includes(entry)) ?? first;
}

/** Whether the public IPv4 that an entry names is there, and says something that no other entry leaves open. */
function checkEntrance(site: Site, vps: VpsFacts, own: PublicAddress, { publicIPv4: named }: Forward): void {
  if (named === undefined) return;
  const { address, line, column } = named;
  const refuse = (message: string, hint: string) => {
    const text = `forward.publicIPv4: ${message}`;
    throw new InventoryError([{ file: site.file, line, column, message: text, hint }]);
  };
  if (address === own.publicIPv4) {
    if (site.vps.publicIPv4 === undefined && site.forwards.some(({ publicIPv4 }) => publicIPv4 === undefined))
      refuse(
        `${address} is what the entries without this key are for, too`,
        `Leave it out here as well, or write 'publicIPv4: ${address}' under vps.`,
      );
    return;
  }
  const there = addressesOn(vps, own.uplink);
  if (there.includes(address)) return;
  if (own.publicIPv4 !== own.uplinkIPv4)
    refuse(
      `the VPS has no ${address} on ${own.uplink}, as the provider maps public addresses to its own (1:1 NAT)`,
      `Leave it out: there, a site has one public IPv4, ${own.publicIPv4}.`,
    );
  const elsewhere = vps.links.find((link) => link.addresses.some((other) => other.address === address));
  const known = there.filter(isPublic4).join(", ");
  refuse(
    elsewhere === undefined
      ? `the VPS has no ${address} on ${own.uplink}`
      : `the VPS has ${address} on ${elsewhere.name}, not on its uplink ${own.uplink}`,
    `There are ${known}. Write one of them, or have the provider give the VPS this one and add it to ${own.uplink}, as the provider says, so that it is there after a reboot, too.`,
  );
}

/**
 * TCP ports of a public IPv4 by which ds4 comes in, and came in; also to a host at home that is reached by a port of
 * the VPS's, such as that of a reverse tunnel. What is at no public address of the VPS's counts for the first one; what
 * is at one that isn't the site's stays with the VPS anyway.
 */
export function sshPorts(
  {
    keptPorts,
    ssh4,
    links,
    owned,
    neighbours,
  }: Pick<VpsFacts, "keptPorts" | "ssh4" | "links" | "owned" | "neighbours">,
  way: readonly Peer[],
  all: readonly Pick<Entrance, "publicIPv4" | "uplinkIPv4">[],
  { publicIPv4, uplinkIPv4 }: Pick<Entrance, "publicIPv4" | "uplinkIPv4">,
): readonly number[] {
  const isElsewhere = (address: string) =>
    !all.some((one) => one.uplinkIPv4 === address) &&
    !(isPublic4(address) && links.some(({ addresses }) => addresses.some((own) => own.address === address)));
  const isHere = ({ address }: SshAt) =>
    address === uplinkIPv4 || (publicIPv4 === all[0]?.publicIPv4 && isElsewhere(address));
  // What came in by a port of ds4's own forwards does so again.
  const isForwarded = ({ port }: SshAt) =>
    owned !== undefined && !neighbours.services.some((own) => own.protocol === "tcp" && own.port === port);
  const throughVps = way.filter(
    (peer) => [publicIPv4, uplinkIPv4].includes(peer.address) && !isForwarded(peer),
  );
  const here = [...keptPorts, ...(ssh4 === undefined ? [] : [ssh4])].filter(isHere);
  return [...new Set([...here, ...throughVps].map(({ port }) => port))].sort((a, b) => a - b);
}

/** A visitor of a public IPv4, and a server that gets something of it. */
export type Pair = { readonly visitor: string; readonly server: string };

/** All of them, in the inventory's order. */
export const pairsOf = ({ entrances }: { readonly entrances: readonly Entrance[] }): readonly Pair[] =>
  usedEntrances(entrances).flatMap(({ visitor, forwards }) =>
    forwards.map(({ server }) => ({ visitor, server })),
  );

/** What a pair is called. */
export const keyOf = ({ visitor, server }: Pair) => `${visitor} to ${server}`;
