import { setTimeout as sleep } from "node:timers/promises";
import chalk from "chalk";
import { aimFor, aimForNothing } from "../converge/plan-site.js";
import type { Shells } from "../converge/read.js";
import { armedOnAll } from "../converge/unconfirmed.js";
import { ConflictError, Ds4Error } from "../core/errors.js";
import { inWords } from "../core/hosts.js";
import { holderScript, leastLeft, readHolder } from "../core/lock.js";
import { hostsOf, type Site } from "../inventory/site.js";
import { describeProofs } from "../report/human.js";
import type { Progress } from "../report/progress.js";
import { ChangeError, Setback } from "../transaction/failure.js";
import { proveOrFail } from "../transaction/prove.js";
import { confirm as confirmAll } from "../transaction/transaction.js";
import { listProofs, runCommand } from "./run.js";
import { type CommonOptions, withHosts } from "./session.js";

/** `ds4 confirm`: proves a change that was left unconfirmed, also by another laptop, and makes it last. */
export function confirm(name: string | undefined, options: CommonOptions): Promise<0 | 1 | 2> {
  return runCommand("confirm", name, options, (site, progress) =>
    withHosts(site, options, progress, 5, async (session) => {
      const { reading, shells } = session;
      const armed = armedOnAll(site, reading);
      if (armed === undefined) {
        const text = `${chalk.green("✔")} nothing to do: no change waits to be confirmed`;
        return { result: "nothing-to-do", exitCode: 0, changes: [], notes: [], text };
      }
      const deadline = Date.now() + armed.secondsLeft * 1000;
      await waitForItsRun(site, shells, progress);
      const aim = armed.command === "apply" ? aimFor(site, reading) : aimForNothing(site, reading);
      const undertaking = {
        site,
        ...aim,
        before: reading,
        arming: armed,
        // What the waiting has left of it.
        confirmWithin: Math.max(0, Math.floor((deadline - Date.now()) / 1000)),
      };
      const proofs = await progress
        .task("all", "prove", () => proveOrFail(undertaking, shells, undefined))
        .catch((error: unknown) => notConfirmed(site, error));
      await progress.task("all", "confirm", async () => {
        const failures = await confirmAll(undertaking, session, shells, deadline);
        if (failures.length > 0) throw confirmedOnSome(site, failures);
      });
      return {
        result: "confirmed",
        exitCode: 0,
        changes: [],
        notes: [],
        proofs: listProofs(proofs),
        text: [
          `${chalk.green("✔")} 'ds4 ${armed.command}' by ${armed.by} is confirmed on ${inWords(hostsOf(site)).all}`,
          describeProofs(proofs),
        ].join("\n"),
      };
    }),
  );
}

/** What couldn't be proved isn't confirmed: the hosts go back by themselves. @throws ChangeError, or what is a bug */
function notConfirmed(site: Site, error: unknown): never {
  if (!(error instanceof Setback) && !(error instanceof Ds4Error)) throw error;
  const { all, verb } = inWords(hostsOf(site));
  const hints = [
    error.hint,
    `'ds4 status ${site.name}' shows when, 'ds4 rollback ${site.name}' goes back now`,
  ];
  throw new ChangeError(
    `${error.message}\nIt is not confirmed: ${all} ${verb("goes", "go")} back by ${verb("itself", "themselves")}.`,
    false,
    {
      hint: hints.filter((line) => line !== undefined).join("\n"),
      cause: error,
      ...(error instanceof Setback ? { proofs: error.proofs } : {}),
    },
  );
}

/** `failures` are the hosts that aren't confirmed, and why. */
function confirmedOnSome(site: Site, failures: Awaited<ReturnType<typeof confirmAll>>): ChangeError {
  const kept = hostsOf(site).filter((host) => failures.every(([failed]) => failed !== host));
  const { all, verb } = inWords(kept);
  const lines = failures.map(([, failure]) => failure);
  if (kept.length > 0) lines.push(`Confirmed, ${all} ${verb("keeps", "keep")} the change.`);
  return new ChangeError(lines.join("\n"), false, {
    hint: [
      `'ds4 status ${site.name}' shows how things stand`,
      ...(kept.length > 0
        ? [
            `'ds4 apply ${site.name}' makes the site whole again, 'ds4 teardown ${site.name}' takes all of it away`,
          ]
        : []),
    ].join("\n"),
  });
}

/**
 * Waits until the run that made the change can't be alive any more: it renews its lock, and would be disturbed by
 * another proof. @throws ConflictError where it is.
 */
async function waitForItsRun(site: Site, shells: Shells, progress: Progress): Promise<void> {
  const holder = async () => readHolder((await shells.vps.run(holderScript)).stdout.split("\n"));
  const first = await holder();
  const toWait = first.secondsLeft - leastLeft;
  if (toWait <= 0) return;
  progress.note(
    `the run of ${first.by} that made the change may still be alive: looking again in ${toWait} s`,
  );
  await sleep(toWait * 1000);
  const { by, since, secondsLeft } = await holder();
  if (secondsLeft <= leastLeft) return;
  throw new ConflictError(`${by} is still at work on this change, since ${since}`, {
    hint: `that run confirms it by itself; 'ds4 rollback ${site.name}' takes it back`,
  });
}
