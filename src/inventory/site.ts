import { type HostName, hostNames } from "../core/hosts.js";
import type { Forward } from "./forwards.js";

/** How the public IPv4 comes home: by a tunnel between two hosts, or by programs on the VPS that pass ports on. */
export const modeNames = ["tunnel", "relay"] as const;
export type ModeName = (typeof modeNames)[number];

/** One home: a VPS, what is at the other end, and one or more servers, as the inventory file says. Addresses are canonical text. */
export type Site = {
  /** The file's name without `.yaml`. */
  readonly name: string;
  readonly file: string;
  readonly mode: ModeName;
  readonly vps: VpsEntry;
  /**
   * What ends the tunnel at home: the one that `tunnel.end` names. The other one, and either with a relay, is there as
   * long as the end of a former tunnel is to be taken away from it.
   */
  readonly router?: RouterEntry;
  readonly home?: HomeEntry;
  /** What goes to which server, at least one; each server once for a public IPv4, and with one egress. */
  readonly forwards: readonly Forward[];
  /** Who sends what LAN hosts send to the public IPv4 to the servers: the router at once, or the VPS. */
  readonly hairpin: "router" | "vps";
  readonly tunnel: TunnelEntry;
};

/** The hosts that a site has. */
export function hostsOf(site: Site): readonly HostName[] {
  return hostNames.filter((host) => site[host] !== undefined);
}

/** The home servers: addresses in the LAN with a tunnel, IPv6 addresses or names with a relay. */
export function serversOf({ forwards }: Pick<Site, "forwards">): readonly string[] {
  return [...new Set(forwards.map(({ server }) => server))];
}

/** Those of them that are IPv4 addresses in the LAN. */
export function lanServersOf(site: Pick<Site, "forwards">): readonly string[] {
  return serversOf(site).filter((server) => /^[\d.]+$/.test(server));
}

/** Those whose own connections leave with the public IPv4. */
export function sendersOf({ forwards }: Pick<Site, "forwards">): readonly string[] {
  return serversOf({ forwards: forwards.filter(({ egress }) => egress === "vps") });
}

/** Those whose own connections leave by the home's provider. */
export function homeSendersOf({ forwards }: Pick<Site, "forwards">): readonly string[] {
  return serversOf({ forwards: forwards.filter(({ egress }) => egress === "isp") });
}

/** What brings it all back at boot on a Linux host: a unit, or a stanza in interfaces.d. */
export type PersistBy = "systemd" | "ifupdown";

/** Absent keys are found on the host. */
type VpsEntry = {
  /** What one types after `ssh`. */
  readonly ssh: string;
  /** The network device towards the internet. */
  readonly uplink?: string;
  readonly publicIPv4?: string;
  /** The tunnel's IPv6 address, or `primary`: the uplink's own one. */
  readonly endpoint?: string;
  readonly persist?: PersistBy;
};

/** Absent keys are found on the host. */
export type RouterEntry = {
  readonly ssh: string;
  /** The UCI interface towards the provider's IPv6. */
  readonly uplink?: string;
  readonly endpoint?: string;
  readonly zones: { readonly wan?: string; readonly lan?: string };
  /** IPv4 prefix without host bits. */
  readonly lan?: string;
};

/** Absent keys are found on the host. */
type HomeEntry = {
  readonly kind: "linux";
  readonly ssh: string;
  /** The network device with the provider's IPv6. */
  readonly uplink?: string;
  /** The tunnel's IPv6 address, or `primary`: the uplink's own one. */
  readonly endpoint?: string;
  readonly persist?: PersistBy;
};

type TunnelEntry = {
  readonly name: string;
  readonly mtu?: number;
  /** The routing table at home. */
  readonly table: number;
  /** Which host ends it there. */
  readonly end: "router" | "home";
};
