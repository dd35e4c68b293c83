import { Ds4Error } from "../core/errors.js";
import { type HostPlan, readMarker } from "../core/plan.js";
import type { HostName } from "../core/step.js";
import type { Site } from "../inventory/site.js";
import { changeScript, countChanges, planSite, type SitePlan, type Target } from "./plan-site.js";
import { type Reading, readHosts, type Shells } from "./read.js";

/** Told of what happens while it happens. */
export type Listener = {
  /** Work on this item begins. */
  item(host: HostName, step: string, id: string): void;
  /** Set when the user wants to stop: what was begun is then taken back. */
  readonly stop: AbortSignal;
  /** Runs one part of the change. */
  phase<T>(phase: "change" | "check" | "undo", work: () => Promise<T>): Promise<T>;
};

/** A change that didn't lead to what was wanted. `undone` says whether both hosts are back where they were. */
export class ChangeError extends Ds4Error {
  readonly undone: boolean;
  constructor(message: string, undone: boolean, options: { hint?: string; cause?: unknown }) {
    super(message, options);
    this.undone = undone;
  }
}

/**
 * Carries out a plan on both hosts at once, then reads both again: what is left to do must be nothing.
 * Otherwise both go back to what `before` says they were. Resolves to the reading that proves it.
 * @throws ChangeError with what failed, where, and which state the hosts are in now.
 */
export async function changeHosts(
  site: Site,
  shells: Shells,
  before: Reading,
  target: Target,
  plan: SitePlan,
  listener: Listener,
): Promise<Reading> {
  const failures = await listener.phase("change", () => run(shells, plan, listener));
  if (listener.stop.aborted) failures.push("you stopped it");
  if (failures.length === 0) {
    const after = await listener
      .phase("check", () => readHosts(site, shells))
      .catch((error: unknown) => describe(error));
    if (typeof after === "string") failures.push(`the change was made, and can't be checked: ${after}`);
    else {
      const left = planSite(after, target);
      if (countChanges(left) === 0) return after;
      failures.push(`after the change, this is still not as wanted: ${names(left)}`);
    }
  }
  throw await listener.phase("undo", () => undo(site, shells, before, failures, listener));
}

async function run(shells: Shells, plan: SitePlan, listener: Listener): Promise<string[]> {
  const results = await Promise.all([
    runOne(shells, plan.vps, listener).catch((error: unknown) => describe(error)),
    runOne(shells, plan.router, listener).catch((error: unknown) => describe(error)),
  ]);
  return results.filter((result) => result !== undefined);
}

/** Resolves to what failed, or undefined. */
async function runOne(shells: Shells, plan: HostPlan, listener: Listener): Promise<string | undefined> {
  if (plan.changes.length === 0) return undefined;
  let at = "the beginning";
  const { stderr, code } = await shells[plan.host].run(changeScript(plan), {
    onLine: (line) => {
      const marker = readMarker(line);
      if (marker === undefined) return;
      at = `${marker.step} ${marker.id}`;
      listener.item(plan.host, marker.step, marker.id);
    },
    timeoutMs: 300_000,
  });
  if (code === 0) return undefined;
  return `the change on the ${plan.host} failed at ${at}: ${stderr.trim() || `exit status ${code}`}`;
}

async function undo(
  site: Site,
  shells: Shells,
  before: Reading,
  failures: readonly string[],
  listener: Listener,
): Promise<ChangeError> {
  const past: Target = { vps: before.vps.actual, router: before.router.actual };
  const reasons = failures.join("\n");
  try {
    const back = planSite(await readHosts(site, shells), past);
    const failed = await run(shells, back, listener);
    const left = planSite(await readHosts(site, shells), past);
    if (countChanges(left) === 0) {
      return new ChangeError(`${reasons}\nBoth hosts are back where they were.`, true, {
        hint: "mend the cause, then run the same command again",
      });
    }
    return new ChangeError(
      `${reasons}\nGoing back failed, too: ${[...failed, names(left)].join("; ")}`,
      false,
      {
        hint: `'ds4 status ${site.name}' shows what is there, 'ds4 teardown ${site.name}' removes it`,
      },
    );
  } catch (error) {
    return new ChangeError(`${reasons}\nGoing back was not possible: ${describe(error)}`, false, {
      hint: `once both hosts answer, 'ds4 status ${site.name}' shows what is there and 'ds4 teardown ${site.name}' removes it`,
      cause: error,
    });
  }
}

function describe(error: unknown): string {
  if (error instanceof Ds4Error) return error.message;
  throw error;
}

function names(plan: SitePlan): string {
  return [plan.vps, plan.router]
    .flatMap(({ host, changes }) => changes.map(({ step, id }) => `${host} ${step} ${id}`))
    .join(", ");
}
