/** The ways in which the lab has a site, each with the shipped example that says so: it is applied as it stands. */
export type Mode = {
  /** What the lab is booted with: `scripts/lab up --vps … --home …`. */
  readonly vps: "ifupdown" | "networkd";
  readonly home: "openwrt" | "linux" | "both";
  /** The VPS's, where it isn't Debian's own choice, which is nft. */
  readonly iptables?: "legacy";
  /** The example in `inventory/`. */
  readonly site: string;
  /** By what a visitor finds out who is seen; by itself HTTP. */
  readonly scheme?: "https";
  /** The site's hosts, in ds4's order. */
  readonly hosts: readonly LabHost[];
  /** Its tests, files and folders of `test/lab`. */
  readonly tests: readonly string[];
  /** Those of them that run where not everything is asked for, as the same code is tried in another mode. */
  readonly bounded: readonly string[];
};

/** A machine that ds4 changes. */
export type LabHost = "vps" | "router" | "home";

const every = "every-mode";
const often = ["apply", "damage", "survival", "teardown", "faults"].map((name) => `${every}/${name}.test.ts`);

export const modes = {
  router: {
    vps: "ifupdown",
    home: "openwrt",
    site: "example",
    hosts: ["vps", "router"],
    tests: [every, "router"],
    bounded: [every, "router"],
  },
  relay: {
    vps: "ifupdown",
    home: "openwrt",
    site: "example-relay",
    hosts: ["vps"],
    tests: [every, "relay"],
    bounded: [...often, "relay"],
  },
  /** Chosen ports, and several servers. */
  forward: {
    vps: "ifupdown",
    home: "openwrt",
    site: "example-forward",
    scheme: "https",
    hosts: ["vps", "router"],
    tests: ["survival", "teardown", "faults"].map((name) => `${every}/${name}.test.ts`),
    bounded: [`${every}/teardown.test.ts`],
  },
  networkd: {
    vps: "networkd",
    home: "openwrt",
    iptables: "legacy",
    site: "example",
    hosts: ["vps", "router"],
    tests: [every],
    // What depends on who manages the network is what survives.
    bounded: [`${every}/survival.test.ts`],
  },
  /** The end of the tunnel moves from one host at home to the other. Not last: one long file would be alone then. */
  move: {
    vps: "ifupdown",
    home: "both",
    site: "example",
    hosts: ["vps", "router", "home"],
    tests: ["move"],
    bounded: ["move"],
  },
  linux: {
    vps: "ifupdown",
    home: "linux",
    site: "example-linux",
    hosts: ["vps", "home"],
    tests: [every, "linux"],
    bounded: [...often, "linux"],
  },
} as const satisfies Record<string, Mode>;

export type ModeName = keyof typeof modes;

/** Whether every test is to run in each mode: `scripts/test --all`. */
export const everything = process.env.DS4_LAB_ALL === "1";
