import { HostError } from "../core/errors.js";
import { beforePort } from "../inventory/addresses.js";
import { type Relay, relaysOf } from "../inventory/relays.js";
import type { Site } from "../inventory/site.js";
import type { Design } from "./design.js";
import { type Entrance, findEntrances, findPublic, type PublicAddress } from "./entrances.js";
import { findIPv6 } from "./linux/end.js";
import { type VpsFacts, vpsHost } from "./vps/facts.js";
import { neighbourNotes } from "./vps/neighbour-notes.js";

/** What a relay comes to on the VPS. */
export type RelayDesign = PublicAddress &
  Pick<Design, "entrances" | "uplink6" | "notes"> & { readonly relays: readonly RelayAt[] };

/** A relay, and where it listens. */
export type RelayAt = Relay &
  Pick<Entrance, "publicIPv4" | "uplinkIPv4"> & {
    /** As it is listed: `tcp/443`; with its address where that isn't the site's own one. */
    readonly id: string;
  };

/** Works out a relay. @throws HostError where the VPS lacks what it takes, with what to do about it. */
export function makeRelayDesign(site: Site, vps: VpsFacts): RelayDesign {
  const notes: string[] = [];
  const own = findPublic(site, vps, notes);
  const entrances = findEntrances(site, vps, [], own);
  if (!vps.systemd) {
    throw new HostError("the VPS doesn't run systemd, and a relay's programs are its services", {
      hint: "use a VPS with systemd, or 'mode: tunnel', which can do without it",
    });
  }
  const { device, primary } = findIPv6(
    vps,
    vpsHost,
    vps.uplink6,
    "a relay goes home by IPv6: switch it on in the provider's panel and on the VPS",
  );
  notes.push(
    `what a relay costs: the home server sees the VPS (${primary.address}) as its client, and no visitor's own address; only the ports that are named come home, each by a program of its own; and each packet takes the way through that program, which adds latency`,
    "the home's router has to let these ports in by IPv6 (OpenWrt: Network > Firewall > Traffic Rules)",
    ...neighbourNotes(vps.neighbours, []),
  );
  const relays = entrances.flatMap(({ publicIPv4, uplinkIPv4, forwards }, at) =>
    relaysOf(forwards).map((relay): RelayAt => {
      const id = `${relay.protocol}/${relay.port}${at === 0 ? "" : `@${publicIPv4}`}`;
      return { ...relay, publicIPv4, uplinkIPv4, id };
    }),
  );
  return { ...own, entrances, uplink6: device, relays, notes };
}

/** The unit of a relay's id. */
export const unitName = (id: string) => `ds4-relay-${id.replace(/[/@]/g, "-")}.service`;

/** Where a relay leads, as socat and people write it. */
export const targetOf = ({ server, to }: Pick<Relay, "server" | "to">) => `${beforePort(server)}:${to}`;
