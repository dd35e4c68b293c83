import { ConflictError } from "../core/errors.js";
import { type HostName, hostEntries, hostTitles, mapHosts, type PerHost } from "../core/hosts.js";
import { type HostPlan, type HostState, planHost, renderPlan, stages, stagesOf } from "../core/plan.js";
import { group } from "../core/script.js";
import type { Conflict, Step } from "../core/step.js";
import type { Site } from "../inventory/site.js";
import { modeOf } from "../modes/index.js";
import type { SiteDesign } from "../modes/mode.js";
import { stepsOf } from "../steps/index.js";
import type { AnyReading, Reading } from "./read.js";

/** What has to change on each host. */
export type SitePlan = PerHost<HostPlan>;

/** What each host is to be; nothing of ds4's on one that isn't named. */
export type Target = PerHost<HostState>;

/** The state that holds nothing of ds4's: what `teardown` goes to, and a rollback of a first `apply`. */
export const nothing: Target = { vps: new Map() };

/** The state that `apply` goes to. @throws HostError, ConflictError where the hosts don't allow it. */
export function aimFor(
  site: Site,
  reading: Reading,
): { readonly target: Target; readonly plan: SitePlan; readonly design: SiteDesign } {
  checkOwner(site, reading);
  const { vps, router, home } = reading;
  const facts = { vps: vps.facts, router: router?.facts, home: home?.facts };
  const design = modeOf(site).design(site, facts);
  const target = design.desired;
  const plan = planSite(reading, target);
  refuse([...design.conflicts, ...space(reading), ...hindrancesOf(reading, plan)]);
  return { target, plan, design };
}

/** The state that `teardown` goes to. @throws ConflictError where the hosts don't allow it. */
export function aimForNothing(
  site: Site,
  reading: AnyReading,
): { readonly target: Target; readonly plan: SitePlan } {
  checkOwner(site, reading);
  const plan = planSite(reading, nothing);
  refuse(hindrancesOf(reading, plan));
  return { target: nothing, plan };
}

/** @throws ConflictError where there is any. */
export function refuse(conflicts: readonly Conflict[]): void {
  if (conflicts.length === 0) return;
  throw new ConflictError(conflicts.map(({ host, message }) => `${host}: ${message}`).join("\n"), {
    hint: conflicts.map(({ hint }) => hint).join("\n"),
  });
}

/** What the steps that have something to change would harm, on whichever host. */
function hindrancesOf(reading: AnyReading, plan: SitePlan): readonly Conflict[] {
  return hostEntries(plan).flatMap(([host, { changes }]) => {
    const steps: readonly Step<never, never>[] = stepsOf[host];
    return steps
      .filter(({ name }) => changes.some(({ step }) => step === name))
      .flatMap((step) => step.hindrances?.(reading[host]?.facts as never) ?? []);
  });
}

/** What turns the hosts as they were read into `target`. */
export function planSite(reading: AnyReading, target: Target): SitePlan {
  return mapHosts(reading, ({ actual }, host) => planOne(host, actual, target));
}

/** The same for one of them. */
export function planOne(host: HostName, actual: HostState, target: Target): HostPlan {
  return planHost(host, stepsOf[host], actual, target[host] ?? new Map());
}

/** How many changes a plan has. */
export function countChanges(plan: SitePlan): number {
  return hostEntries(plan).reduce((sum, [, { changes }]) => sum + changes.length, 0);
}

/** The very script that carries out a host's plan. */
export function changeScript(plan: HostPlan, guard: readonly string[] = []): string {
  return group([...strict, ...guard, ...renderPlan(plan, stepsOf[plan.host])]);
}

/** The scripts of all hosts, one after the other where a host has several, as `apply` runs them. */
export function changeScripts(plan: SitePlan): Readonly<Partial<Record<HostName, string>>> {
  const all = stagesOfSite(plan);
  const parts = mapHosts(plan, (_, host) =>
    all
      .flatMap((stage) => stage[host] ?? [])
      .filter(({ changes }) => changes.length > 0)
      .map((part) => changeScript(part))
      .join("# and then, when all hosts have done that:\n"),
  );
  return Object.fromEntries(hostEntries(parts).filter(([, text]) => text !== ""));
}

/** The things that a plan is about, in one line. */
export function namesOf(plan: SitePlan): string {
  return hostEntries(plan)
    .flatMap(([host, { changes }]) => changes.map(({ step, id }) => `${host} ${step} ${id}`))
    .join(", ");
}

/** How every script begins that changes something: it ends at the first thing that goes wrong. */
export const strict = [
  "set -eu",
  "export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin",
  'fail() { echo "$*" >&2; exit 1; }',
];

/** The lines that lead from wherever a change was cut off back to the state before it. */
export function undoLines(host: HostName, before: HostState, target: Target): readonly string[] {
  const steps = stepsOf[host];
  return renderPlan(planHost(host, steps, target[host] ?? new Map(), before), steps, true);
}

/** The parts of a plan, in the order in which all hosts go through them. */
export function stagesOfSite(plan: SitePlan): readonly SitePlan[] {
  const all = mapHosts(plan, (own, host) => stagesOf(own, stepsOf[host]));
  return stages.map((stage) => mapHosts(all, (parts) => parts[stage]));
}

/** KiB that ds4's files take, with the packages that may be missing. */
const needed: Readonly<Record<HostName, number>> = { vps: 1024, router: 64, home: 1024 };

/** A file system without room would be noticed halfway. */
function space(reading: AnyReading): readonly Conflict[] {
  return hostEntries(reading).flatMap(([host, { facts }]) =>
    facts.freeKib >= needed[host]
      ? []
      : [
          {
            host,
            message: `there is no room under /etc (${facts.freeKib} KiB can be written, ${needed[host]} are needed)`,
            hint: "free some space, and check that the file system isn't mounted read-only ('mount', 'df -h /etc')",
          },
        ],
  );
}

/**
 * A host carries one site; another one's things would be taken for this one's. And a tunnel goes with both its ends.
 */
export function checkOwner(site: Site, reading: AnyReading): void {
  for (const [host, { facts }] of hostEntries(reading)) {
    const owner = facts.owned?.site;
    if (owner !== undefined && owner !== site.name) {
      throw new ConflictError(
        `the ${hostTitles[host]} carries the site '${owner}' already, not '${site.name}'`,
        {
          hint: `'ds4 teardown ${owner}' first; or, if only the file was renamed, name it ${owner}.yaml again`,
        },
      );
    }
  }
  const end = reading.vps.facts.owned?.tunnel?.atHome;
  if (end !== undefined && reading[end] === undefined) {
    throw new ConflictError(
      `the VPS carries a tunnel of this site, and what ends it at home, ${end === "home" ? "a Linux machine" : "a router"}, isn't in the inventory`,
      {
        hint: `put '${end}: …' back into ${site.file}${site.mode === "relay" ? ", also with 'mode: relay'" : `, and say 'tunnel: { end: ${site.tunnel.end} }'`}: then what it has of the tunnel is taken away in the same run; after that it can be left out (if it is gone for good: README, 'What can go wrong')`,
      },
    );
  }
}
