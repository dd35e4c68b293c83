import type { PerHost } from "../core/hosts.js";
import type { HostState } from "../core/plan.js";
import type { Conflict, Step } from "../core/step.js";
import type { Entrance } from "../hosts/entrances.js";
import type { HomeFacts } from "../hosts/home/facts.js";
import type { RouterFacts } from "../hosts/router/facts.js";
import type { VpsFacts } from "../hosts/vps/facts.js";
import type { Site } from "../inventory/site.js";
import type { PathProof } from "../proof/path-proof.js";

/** A way to bring a VPS's public IPv4 home: what comes of an inventory and of what was read of its hosts. */
export type Mode = {
  /** @throws HostError where a host lacks what it takes, with what to do about it. */
  design(site: Site, facts: SiteFacts): SiteDesign;
  /** Whether it goes by the tunnel's MTU, which the path has to be measured for. */
  readonly measures: boolean;
};

/** What is known of the hosts that the inventory has. */
export type SiteFacts = {
  readonly vps: VpsFacts;
  readonly router?: RouterFacts | undefined;
  readonly home?: HomeFacts | undefined;
};

/** What a site comes to. */
export type SiteDesign = {
  readonly publicIPv4: string;
  /** The address of the VPS's that `publicIPv4` comes to. */
  readonly uplinkIPv4: string;
  /** By which public IPv4 what comes home. */
  readonly entrances: readonly Entrance[];
  /** Of the tunnel, in bytes. */
  readonly mtu?: number;
  /** How it comes home, in words: `tunnel wrap1 with MTU 1460`. */
  readonly way: string;
  /** What the user should know of the choices made. */
  readonly notes: readonly string[];
  /** What each step wants; one that isn't named wants nothing. */
  readonly desired: PerHost<HostState>;
  readonly conflicts: readonly Conflict[];
  readonly proof: PathProof;
};

/** What these steps want. */
export function desiredOf<World>(steps: readonly Step<World, never>[], world: World): HostState {
  return new Map(steps.map((step) => [step.name, step.desired(world)]));
}

/** What stands in their way. */
export function conflictsOf<World>(steps: readonly Step<World, never>[], world: World): readonly Conflict[] {
  return steps.flatMap((step) => step.conflicts?.(world) ?? []);
}
