/** One home: a VPS, a router and a server, as the inventory file says. Addresses are canonical text. */
export type Site = {
  /** The file's name without `.yaml`. */
  readonly name: string;
  readonly file: string;
  readonly vps: VpsEntry;
  readonly router: RouterEntry;
  /** The home server's IPv4 in the router's LAN. */
  readonly server: string;
  readonly tunnel: TunnelEntry;
};

/** Absent keys are found on the host. */
export type VpsEntry = {
  /** What one types after `ssh`. */
  readonly ssh: string;
  /** The network device towards the internet. */
  readonly uplink?: string;
  readonly publicIPv4?: string;
  /** The tunnel's IPv6 address, or `primary`: the uplink's own one. */
  readonly endpoint?: string;
  readonly persist?: "systemd" | "ifupdown";
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

export type TunnelEntry = {
  readonly name: string;
  readonly mtu?: number;
  /** The routing table on the router. */
  readonly table: number;
};
