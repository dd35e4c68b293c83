import { ConflictError } from "../core/errors.js";
import { type HostPlan, type HostState, planHost, renderPlan, stages, stagesOf } from "../core/plan.js";
import { group } from "../core/script.js";
import type { Conflict, HostName, Step } from "../core/step.js";
import { type Design, makeDesign } from "../hosts/design.js";
import type { World } from "../hosts/world.js";
import type { Site } from "../inventory/site.js";
import { routerSteps, vpsSteps } from "../steps/index.js";
import type { Reading } from "./read.js";

/** What has to change on both hosts. */
export type SitePlan = Readonly<Record<HostName, HostPlan>>;

/** What both hosts are to be. */
export type Target = Readonly<Record<HostName, HostState>>;

/** The state that holds nothing of ds4's: what `teardown` goes to, and a rollback of a first `apply`. */
export const nothing: Target = { vps: new Map(), router: new Map() };

/** The state that `apply` goes to. @throws HostError, ConflictError where the hosts don't allow it. */
export function aimFor(site: Site, reading: Reading): { readonly target: Target; readonly design: Design } {
  const [vps, router] = [reading.vps.facts, reading.router.facts];
  checkOwner(site, reading);
  const design = makeDesign(site, vps, router);
  const world: World = { site, vps, router, design };
  const all = [...conflicts(vpsSteps, world), ...conflicts(routerSteps, world), ...space(world)];
  const [first, ...more] = all;
  if (first !== undefined) {
    throw new ConflictError([first, ...more].map(({ host, message }) => `${host}: ${message}`).join("\n"), {
      hint: all.map(({ hint }) => hint).join("\n"),
    });
  }
  return { target: { vps: desired(vpsSteps, world), router: desired(routerSteps, world) }, design };
}

/** What turns the hosts as they were read into `target`. */
export function planSite(reading: Reading, target: Target): SitePlan {
  return {
    vps: planHost("vps", vpsSteps, reading.vps.actual, target.vps),
    router: planHost("router", routerSteps, reading.router.actual, target.router),
  };
}

/** How many changes a plan has. */
export function countChanges(plan: SitePlan): number {
  return plan.vps.changes.length + plan.router.changes.length;
}

/** The very script that carries out a host's plan. */
export function changeScript(plan: HostPlan, guard: readonly string[] = []): string {
  const steps = plan.host === "vps" ? vpsSteps : routerSteps;
  return group([...strict, ...guard, ...renderPlan(plan, steps)]);
}

/** The scripts of both hosts, one after the other where a host has several, as `apply` runs them. */
export function changeScripts(plan: SitePlan): Readonly<Partial<Record<HostName, string>>> {
  const parts = (host: HostName) =>
    stagesOfSite(plan)
      .filter((stage) => stage[host].changes.length > 0)
      .map((stage) => changeScript(stage[host]))
      .join("# and then, when both hosts have done that:\n");
  const all = { vps: parts("vps"), router: parts("router") };
  return Object.fromEntries(Object.entries(all).filter(([, text]) => text !== ""));
}

/** The things that a plan is about, in one line. */
export function namesOf(plan: SitePlan): string {
  return [plan.vps, plan.router]
    .flatMap(({ host, changes }) => changes.map(({ step, id }) => `${host} ${step} ${id}`))
    .join(", ");
}

/** How every script begins that changes something: it ends at the first thing that goes wrong. */
export const strict = [
  "set -eu",
  "export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin",
  'fail() { echo "$*" >&2; exit 1; }',
];

/** The lines that lead from wherever a change was cut off back to the state before it. */
export function undoLines(host: HostName, before: Reading, target: Target): readonly string[] {
  const steps = host === "vps" ? vpsSteps : routerSteps;
  return renderPlan(planHost(host, steps, target[host], before[host].actual), steps, true);
}

/** The parts of a plan, in the order in which both hosts go through them. */
export function stagesOfSite(plan: SitePlan): readonly SitePlan[] {
  const vps = stagesOf(plan.vps, vpsSteps);
  const router = stagesOf(plan.router, routerSteps);
  return stages.map((stage) => ({ vps: vps[stage], router: router[stage] }));
}

function desired(steps: readonly Step<World, never>[], world: World): HostState {
  return new Map(steps.map((step) => [step.name, step.desired(world)]));
}

function conflicts(steps: readonly Step<World, never>[], world: World): readonly Conflict[] {
  return steps.flatMap((step) => step.conflicts?.(world) ?? []);
}

/** A file system without room would be noticed halfway. */
function space({ vps, router }: World): readonly Conflict[] {
  const check = (host: HostName, freeKib: number, needed: number): readonly Conflict[] =>
    freeKib >= needed
      ? []
      : [
          {
            host,
            message: `there is no room under /etc (${freeKib} KiB can be written, ${needed} are needed)`,
            hint: "free some space, and check that the file system isn't mounted read-only ('mount', 'df -h /etc')",
          },
        ];
  return [...check("vps", vps.freeKib, 1024), ...check("router", router.freeKib, 64)];
}

/** A change that nobody has confirmed would be taken back in the middle of ours. */
export function checkUnconfirmed(site: Site, reading: Reading): void {
  for (const host of ["vps", "router"] as const) {
    const armed = reading[host].facts.armed;
    if (armed !== undefined) {
      throw new ConflictError(
        `'ds4 ${armed.command}' by ${armed.by} (begun ${armed.since}) is not confirmed on the ${host}, which goes back by itself ${armed.secondsLeft > 0 ? `in ${armed.secondsLeft} s` : "at its next boot"}`,
        {
          hint: `wait for it, or 'ds4 rollback ${site.name}' takes it back now; 'ds4 confirm ${site.name}' proves it and keeps it`,
        },
      );
    }
  }
}

/** A host carries one site; another one's things would be taken for this one's. */
export function checkOwner(site: Site, reading: Reading): void {
  for (const host of ["vps", "router"] as const) {
    const owner = reading[host].facts.owned?.site;
    if (owner !== undefined && owner !== site.name) {
      throw new ConflictError(`the ${host} carries the site '${owner}' already, not '${site.name}'`, {
        hint: `'ds4 teardown ${owner}' first; or, if only the file was renamed, name it ${owner}.yaml again`,
      });
    }
  }
}
