import { chalkStderr } from "chalk";
import { countChanges, type SitePlan } from "../converge/plan-site.js";
import type { AnyReading } from "../converge/read.js";
import { hostEntries } from "../core/hosts.js";
import { changedFields } from "../core/state.js";
import { hostsOf, type Site, serversOf } from "../inventory/site.js";
import type { SiteDesign } from "../modes/mode.js";
import type { Proof } from "../proof/judge.js";
import { describeErrors, failedResult, listErrors } from "../report/errors.js";
import { describeProofs } from "../report/human.js";
import { liveProgress, type Progress, plainProgress, silent } from "../report/progress.js";
import type { Result } from "../report/result.js";
import { ChangeError } from "../transaction/failure.js";
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
  command: NonNullable<Result["command"]>,
  name: string | undefined,
  options: CommonOptions,
  work: (site: Site, progress: Progress) => Promise<Outcome>,
): Promise<0 | 1 | 2> {
  let site: Site | undefined;
  try {
    site = await openSite(name, options);
    const { text, ...outcome } = await work(site, await progressFor(site, options));
    const result: Result = { version: 1, command, site: site.name, ...outcome, errors: [] };
    process.stdout.write(
      options.json ? `${JSON.stringify(result, null, 2)}\n` : text === "" ? "" : `${text}\n`,
    );
    return result.exitCode;
  } catch (error) {
    const errors = listErrors(error);
    const proofs = error instanceof ChangeError ? error.proofs : [];
    if (options.json) {
      const result = failedResult(command, errors, {
        ...(site === undefined ? {} : { site: site.name }),
        ...(proofs.length === 0 ? {} : { proofs: listProofs(proofs) }),
      });
      process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
    } else {
      const shown = proofs.length === 0 ? "" : `${describeProofs(proofs, chalkStderr)}\n`;
      process.stderr.write(`${shown}${describeErrors(errors)}\n`);
    }
    return 1;
  }
}

async function progressFor(site: Site, options: CommonOptions): Promise<Progress> {
  if (options.json) return silent;
  const hosts = hostsOf(site);
  const { isTTY, columns } = process.stderr;
  // What was written can't be drawn over on a dumb terminal, nor on one that tells no size (a serial console).
  const live = isTTY && columns > 0 && process.env.TERM !== "dumb";
  return live ? liveProgress(process.stderr, hosts) : plainProgress(process.stderr, hosts);
}

/** A plan's changes in the form of the JSON output. */
export function listChanges(plan: SitePlan): Result["changes"] {
  return hostEntries(plan).flatMap(([host, { changes }]) =>
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

/** What a site comes to, in the form of the JSON output. */
export function listDesign(
  site: Site,
  { publicIPv4, entrances, mtu }: Pick<SiteDesign, "publicIPv4" | "entrances" | "mtu">,
): Pick<Result, "mode" | "publicIPv4" | "publicIPv4s" | "server" | "servers" | "mtu"> {
  const [server, ...more] = serversOf(site);
  return {
    mode: site.mode,
    publicIPv4,
    ...(entrances.some((entrance) => entrance.publicIPv4 !== publicIPv4)
      ? {
          publicIPv4s: entrances.map((entrance) => ({
            publicIPv4: entrance.publicIPv4,
            servers: [...serversOf(entrance)],
          })),
        }
      : {}),
    ...(server !== undefined && more.length === 0 ? { server } : { servers: [...serversOf(site)] }),
    ...(mtu === undefined ? {} : { mtu }),
  };
}

/** What was proved, in the form of the JSON output. */
export function listProofs(proofs: readonly Proof[]): NonNullable<Result["proofs"]> {
  return proofs.map(({ name, proved, seen }) => ({ name, proved: proved ?? null, seen }));
}

/** The switches that are armed, in the form of the JSON output. */
export function listUnconfirmed(reading: AnyReading): NonNullable<Result["unconfirmed"]> {
  return hostEntries(reading).flatMap(([host, { facts }]) => {
    const armed = facts.armed;
    if (armed === undefined) return [];
    const { command, by, since, secondsLeft } = armed;
    return [{ host, command, by, since, secondsLeft }];
  });
}

/** `1 change`, `12 changes`. */
export function howMany(plan: SitePlan): string {
  const count = countChanges(plan);
  return `${count} change${count === 1 ? "" : "s"}`;
}
