import { HostError } from "../core/errors.js";
import { type Relay, relaysOf } from "../inventory/relays.js";
import type { Site } from "../inventory/site.js";
import { type Design, findPublic } from "./design.js";
import { findIPv6 } from "./linux/end.js";
import { type VpsFacts, vpsHost } from "./vps/facts.js";
import { neighbourNotes } from "./vps/neighbour-notes.js";

/** What a relay comes to on the VPS. */
export type RelayDesign = Pick<
  Design,
  "uplink" | "uplinkIPv4" | "publicIPv4" | "entrances" | "uplink6" | "notes"
> & {
  readonly relays: readonly Relay[];
};

/** Works out a relay. @throws HostError where the VPS lacks what it takes, with what to do about it. */
export function makeRelayDesign(site: Site, vps: VpsFacts): RelayDesign {
  const notes: string[] = [];
  const { uplink, uplinkIPv4, publicIPv4, entrances } = findPublic(site, vps, notes);
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
    // What it relays is looked at one by one: see port-conflicts.ts.
    ...neighbourNotes(vps.neighbours, [], []),
  );
  const relays = relaysOf(site.forwards);
  return { uplink, uplinkIPv4, publicIPv4, entrances, uplink6: device, relays, notes };
}
