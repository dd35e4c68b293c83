import type { SitePlan, Target } from "../converge/plan-site.js";
import type { Reading, Shells } from "../converge/read.js";
import type { Arming } from "../core/dead-man-switch.js";
import type { HostName } from "../core/hosts.js";
import type { Shell } from "../core/shell.js";
import type { Site } from "../inventory/site.js";
import type { SiteDesign } from "../modes/mode.js";

/** A change of all hosts that was decided on. */
export type Undertaking = {
  readonly site: Site;
  /** Absent for a teardown: there is no new way to prove then. */
  readonly design?: SiteDesign;
  /** All hosts as they were read, with the locks held. */
  readonly before: Reading;
  readonly target: Target;
  readonly plan: SitePlan;
  readonly arming: Arming;
  /** Seconds until the switches fire. */
  readonly confirmWithin: number;
};

/** The connections of a run. */
export type Connections = {
  readonly shells: Shells;
  /** New ones to all hosts, for so many scripts each. @throws ConnectError */
  reconnect(expectedRuns: number): Promise<Shells>;
  /** A new one to one host. @throws ConnectError */
  reopen(host: HostName): Promise<Shell>;
};

export type Phase = "arm" | "change" | "prove" | "confirm" | "undo";

/** Told of what happens while it happens. */
export type Listener = {
  /** Work on this item begins. */
  item(host: HostName, step: string, id: string): void;
  /** The switches fire at this time (of `Date.now`) unless the change is confirmed. */
  armed(deadline: number): void;
  /** Set when the user wants to stop: what was begun is then taken back. */
  readonly stop: AbortSignal;
  /** Runs one part of the change. */
  phase<T>(phase: Phase, work: () => Promise<T>): Promise<T>;
};
