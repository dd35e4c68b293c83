import type { HostName } from "./hosts.js";
import { printable } from "./printable.js";
import { quote } from "./script.js";
import { type Change, diff, type Items } from "./state.js";
import type { RenderContext, Step } from "./step.js";

/** The items of a host, by the step they belong to. */
export type HostState = ReadonlyMap<string, Items>;

export type StepChange = Change & { readonly step: string; readonly layer: "configured" | "live" };

/** What has to change on one host, removals before everything else. */
export type HostPlan = { readonly host: HostName; readonly changes: readonly StepChange[] };

/** A step as far as a plan needs it. */
export type PlannedStep = Pick<Step<never, never>, "name" | "layer" | "turnsTraffic" | "render">;

const none: Items = new Map();

/**
 * What turns `actual` into `desired` on a host. Steps are in the order to make things; removals go through them
 * backwards, so that nothing is taken away while something still stands on it.
 */
export function planHost(
  host: HostName,
  steps: readonly PlannedStep[],
  actual: HostState,
  desired: HostState,
): HostPlan {
  const all = steps.map((step) =>
    diff(actual.get(step.name) ?? none, desired.get(step.name) ?? none).map(
      (change): StepChange => ({ ...change, step: step.name, layer: step.layer }),
    ),
  );
  const removals = [...all]
    .reverse()
    .flatMap((changes) => changes.filter((change) => change.to === undefined));
  return {
    host,
    changes: [...removals, ...all.flatMap((changes) => changes.filter((c) => c.to !== undefined))],
  };
}

/**
 * A plan in the order in which all hosts go through it: what turns traffic away from the tunnel, then all that
 * the traffic stands on, then what turns it over. Any of them may be empty.
 */
export function stagesOf(plan: HostPlan, steps: readonly PlannedStep[]): Readonly<Record<Stage, HostPlan>> {
  const turns = new Set(steps.filter(({ turnsTraffic }) => turnsTraffic).map(({ name }) => name));
  const part = (chosen: (change: StepChange) => boolean): HostPlan => ({
    host: plan.host,
    changes: plan.changes.filter(chosen),
  });
  return {
    off: part(({ step, to }) => turns.has(step) && to === undefined),
    main: part(({ step }) => !turns.has(step)),
    on: part(({ step, to }) => turns.has(step) && to !== undefined),
  };
}

export const stages = ["off", "main", "on"] as const;
type Stage = (typeof stages)[number];

/** The line by which a running script says that work on an item begins. */
export function markLine(step: string, id: string): string {
  return `echo ${quote(`@ds4 ${step} ${id}`)}`;
}

/** The lines that carry out a plan, in its order, with a progress marker before each piece. */
export function renderPlan(
  plan: HostPlan,
  steps: readonly PlannedStep[],
  standalone = false,
): readonly string[] {
  const last: string[] = [];
  const lines = batches(plan.changes).flatMap((batch) => {
    const step = steps.find(({ name }) => name === batch[0]?.step);
    if (step === undefined) throw new Error(`a plan for an unknown step '${batch[0]?.step}'`);
    return step.render(batch, renderContext(step.name, standalone, last));
  });
  return [...lines, ...last];
}

/** What a step of this name renders with; `last` gets the lines that come after all changes. */
export function renderContext(step: string, standalone: boolean, last: string[]): RenderContext {
  return {
    standalone,
    mark: (id) => markLine(step, id),
    make: (id, lines) => (standalone ? allOrFail(lines, `${step} ${id} can't be made`) : lines),
    finally: (line) => {
      if (!last.includes(line)) last.push(line);
    },
  };
}

/** Each of the lines has to work, where an error ends nothing: they end there, and `fail` is called. */
function allOrFail(lines: readonly string[], message: string): readonly string[] {
  // Not `( … ) || fail`: `set -e` counts for nothing on the left of that.
  return [
    "( set -e",
    'fail() { echo "$*" >&2; exit 1; }',
    ...lines,
    ")",
    `[ $? -eq 0 ] || fail ${quote(message)}`,
  ];
}

/** Neighbours of one step that are all removals, or none, are rendered together. */
function batches(changes: readonly StepChange[]): readonly (readonly StepChange[])[] {
  const result: StepChange[][] = [];
  for (const change of changes) {
    const last = result.at(-1);
    const before = last?.[0];
    if (last && before?.step === change.step && (before.to === undefined) === (change.to === undefined)) {
      last.push(change);
    } else result.push([change]);
  }
  return result;
}

/** What a marker line of a running change says, or undefined for any other line. */
export function readMarker(line: string): { readonly step: string; readonly id: string } | undefined {
  const match = /^@ds4 (\S+) (.*)$/.exec(line);
  return match ? { step: printable(match[1] ?? ""), id: printable(match[2] ?? "") } : undefined;
}
