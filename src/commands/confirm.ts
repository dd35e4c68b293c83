import { setTimeout as sleep } from "node:timers/promises";
import chalk from "chalk";
import { aimFor, aimForNothing } from "../converge/plan-site.js";
import type { Shells } from "../converge/read.js";
import { armedOnAll } from "../converge/unconfirmed.js";
import { ConflictError } from "../core/errors.js";
import { holderScript, leastLeft, readHolder } from "../core/lock.js";
import { hostsOf, type Site } from "../inventory/site.js";
import { describeProofs } from "../report/human.js";
import type { Progress } from "../report/progress.js";
import { inWords } from "../report/words.js";
import { ChangeError, Setback } from "../transaction/failure.js";
import { proveOrFail } from "../transaction/prove.js";
import { confirm as confirmAll } from "../transaction/transaction.js";
import { listProofs, runCommand } from "./run.js";
import { type CommonOptions, withHosts } from "./session.js";

/** `ds4 confirm`: proves a change that was left unconfirmed, also by another laptop, and makes it last. */
export function confirm(name: string | undefined, options: CommonOptions): Promise<0 | 1 | 2> {
  return runCommand("confirm", name, options, (site, progress) =>
    withHosts(site, options, progress, { expectedRuns: 5 }, async (session) => {
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
      const proofs = await unlessSetBack(site, async () => {
        const shown = await progress.task("all", "prove", () => proveOrFail(undertaking, shells, undefined));
        await progress.task("all", "confirm", () => confirmAll(undertaking, session, shells, deadline));
        return shown;
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

/** @throws ChangeError where it isn't confirmed: the hosts go back by themselves. */
async function unlessSetBack<T>(site: Site, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Setback)) throw error;
    const { verb } = inWords(hostsOf(site));
    throw new ChangeError(
      `${error.message}\nIt is not confirmed: what has not gone back yet ${verb("goes", "go")} back by itself.`,
      false,
      {
        hint: [
          error.hint,
          `'ds4 status ${site.name}' shows how things stand, 'ds4 rollback ${site.name}' goes back now`,
        ]
          .filter((line) => line !== undefined)
          .join("\n"),
        cause: error,
        proofs: error.proofs,
      },
    );
  }
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
