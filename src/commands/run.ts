import { countChanges, type SitePlan } from "../converge/plan-site.js";
import { changedFields } from "../core/state.js";
import type { Site } from "../inventory/site.js";
import { describeErrors, listErrors } from "../report/errors.js";
import { liveProgress, type Progress, plainProgress, silent } from "../report/progress.js";
import type { Result } from "../report/result.js";
import { type CommonOptions, openSite } from "./session.js";

/** What a command comes to, before it is printed. */
export type Outcome = Omit<Result, "version" | "command" | "site" | "errors"> & {
  /** For a person. */
  readonly text: string;
};

/**
 * Runs a command on a site and prints its result: text, or with --json one object. Resolves to the exit code:
 * 0 done or in sync, 1 failed, 2 there is something to change (`status` and `plan`).
 */
export async function runCommand(
  command: Result["command"],
  name: string | undefined,
  options: CommonOptions,
  work: (site: Site, progress: Progress) => Promise<Outcome>,
): Promise<0 | 1 | 2> {
  let site: Site | undefined;
  try {
    site = await openSite(name, options);
    const { text, ...outcome } = await work(site, await progressFor(options));
    const result: Result = { version: 1, command, site: site.name, ...outcome, errors: [] };
    process.stdout.write(
      options.json ? `${JSON.stringify(result, null, 2)}\n` : text === "" ? "" : `${text}\n`,
    );
    return result.exitCode;
  } catch (error) {
    const errors = listErrors(error);
    if (options.json) {
      const result: Result = {
        version: 1,
        command,
        ...(site === undefined ? {} : { site: site.name }),
        result: "failed",
        exitCode: 1,
        changes: [],
        notes: [],
        errors,
      };
      process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
    } else process.stderr.write(`${describeErrors(errors)}\n`);
    return 1;
  }
}

async function progressFor(options: CommonOptions): Promise<Progress> {
  if (options.json) return silent;
  return process.stderr.isTTY ? liveProgress(process.stderr) : plainProgress(process.stderr);
}

/** A plan's changes in the form of the JSON output. */
export function listChanges(plan: SitePlan): Result["changes"] {
  return [plan.vps, plan.router].flatMap(({ host, changes }) =>
    changes.map((change) => ({
      host,
      layer: change.layer,
      step: change.step,
      id: change.id,
      action:
        change.from === undefined
          ? ("make" as const)
          : change.to === undefined
            ? ("remove" as const)
            : ("change" as const),
      fields: [...changedFields(change)],
      ...(change.from === undefined ? {} : { from: mutable(change.from) }),
      ...(change.to === undefined ? {} : { to: mutable(change.to) }),
    })),
  );
}

function mutable(state: Readonly<Record<string, string | number | boolean | readonly string[]>>) {
  return Object.fromEntries(
    Object.entries(state).map(([name, value]) => [name, typeof value === "object" ? [...value] : value]),
  );
}

/** `1 change`, `12 changes`. */
export function howMany(plan: SitePlan): string {
  const count = countChanges(plan);
  return `${count} change${count === 1 ? "" : "s"}`;
}
