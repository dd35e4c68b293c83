import type { End } from "../../hosts/linux/end.js";
import type { LinuxFacts, LinuxHost } from "../../hosts/linux/facts.js";
import type { World } from "../../hosts/world.js";
import type { PersistBy } from "../../inventory/site.js";

/** What the steps of a Linux host have to know of the end of the tunnel that it is. */
export type Role<W extends World> = LinuxHost & {
  facts(world: W): LinuxFacts;
  /** This end, and the address of the other one. */
  end(world: W): End & { readonly peer: string; readonly persist: PersistBy };
  /** Debian packages that have to be there, by the commands of the same name. */
  readonly packages: readonly ("iptables" | "conntrack")[];
  /** Whether its rules turn the traffic over, so that they come last. */
  readonly turnsTraffic: boolean;
  /** Whether IPv4 packets pass through it. */
  forwards(world: W): boolean;
  /** Whether the way back of what comes out of the tunnel is found by its mark. */
  byMark(world: W): boolean;
  /** Sections of its uplink's .network file, which systemd-networkd has to know. */
  networkd(world: W): readonly string[];
};
