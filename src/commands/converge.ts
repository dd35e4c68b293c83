import chalk, { chalkStderr } from "chalk";
import { checkCutOff } from "../converge/cut-off.js";
import type { SitePlan, Target } from "../converge/plan-site.js";
import type { Reading } from "../converge/read.js";
import { Ds4Error } from "../core/errors.js";
import { hostEntries, inWords } from "../core/hosts.js";
import { hostsOf, type Site } from "../inventory/site.js";
import type { SiteDesign } from "../modes/mode.js";
import { describePlan, describeProofs } from "../report/human.js";
import type { Progress } from "../report/progress.js";
import { transact } from "../transaction/transaction.js";
import type { Phase } from "../transaction/undertaking.js";
import { onInterrupt } from "./interrupt.js";
import { terminalPrompt } from "./prompt.js";
import { howMany, listChanges, listDesign, listProofs, type Outcome } from "./run.js";
import type { CommonOptions, LockedSession } from "./session.js";

export type ConvergeOptions = CommonOptions & {
  readonly yes?: boolean;
  /** Seconds; by default a minute, or four where packages have to be installed. */
  readonly confirmWithin?: number;
};

/** Scripts a host: reading, arming, mostly one or two stages, and one to spare for an undo. */
export const runsOfChange = 5;

type Decision = {
  readonly command: "apply" | "teardown";
  readonly reading: Reading;
  readonly target: Target;
  readonly plan: SitePlan;
  readonly design?: SiteDesign;
  /** What is so once it is done, behind `12 changes made and read back`. */
  readonly done: string;
};

/** What a change comes to, whatever is done of it. */
export function changeOutcome(site: Site, plan: SitePlan, design?: SiteDesign) {
  return {
    ...(design && listDesign(site, design)),
    changes: listChanges(plan),
    notes: [...(design?.notes ?? [])],
  };
}

/**
 * Shows the plan, asks, and carries it out.
 * @throws ConflictError where it would cut off ds4 itself, Ds4Error where nobody can be asked, ChangeError where it didn't work.
 */
export async function converge(
  site: Site,
  session: LockedSession,
  decision: Decision,
  options: ConvergeOptions,
  progress: Progress,
): Promise<Outcome> {
  const { lease } = session;
  const { command, reading, target, plan, design, done } = decision;
  checkCutOff(reading, target);
  const outcome = changeOutcome(site, plan, design);
  const prompt = options.yes ? undefined : terminalPrompt(progress);
  // Nobody is asked about what was not shown, with --json either.
  if (!options.json || prompt !== undefined) {
    const notes = (design?.notes ?? []).map((note) => `note: ${note}\n`).join("");
    process.stderr.write(`\n${describePlan(plan, "plan", chalkStderr)}\n${notes}\n`);
  }
  if (!options.yes) {
    if (prompt === undefined) {
      throw new Ds4Error("there is no terminal to ask at, and nothing was changed", {
        hint: "add --yes to make the changes without a question",
      });
    }
    if (!(await prompt.confirm(`Make ${howMany(plan)}?`)))
      return { ...outcome, changes: [], result: "cancelled", exitCode: 1, text: "Nothing was changed." };
  }
  const stop = new AbortController();
  let deadline = 0;
  let phase: Phase = "arm";
  let late = false;
  const interrupt = () => {
    if (phase === "confirm" && !late) {
      late = true;
      // What one host was asked to keep can't be called back.
      process.stderr.write(
        `\ntoo late to stop it: it is proved, and being confirmed; 'ds4 ${command === "apply" ? "teardown" : "apply"} ${site.name}' leads back\n`,
      );
      return;
    }
    if (late) {
      process.stderr.write(`\nleft alone: 'ds4 status ${site.name}' shows whether it was confirmed\n`);
      process.exit(130);
    }
    if (stop.signal.aborted) {
      const seconds = Math.max(0, Math.ceil((deadline - Date.now()) / 1000));
      process.stderr.write(`\nleft alone: whatever is not back yet goes back by itself in ${seconds} s\n`);
      process.exit(130);
    }
    stop.abort();
    const { all, verb, themselves } = inWords(hostsOf(site));
    process.stderr.write(
      `\nstopping: ${all} ${verb("goes", "go")} back now (once more: ${verb("it is", "they are")} left to do so by ${themselves})\n`,
    );
  };
  const confirmWithin = options.confirmWithin ?? (installs(plan) ? 240 : 60);
  const undertaking = {
    site,
    ...(design === undefined ? {} : { design }),
    before: reading,
    target,
    plan,
    arming: { ...lease, command, hosts: hostsOf(site) },
    confirmWithin,
  };
  const proofs = await onInterrupt(interrupt, () =>
    transact(undertaking, session, {
      item: progress.item,
      armed: (at) => {
        deadline = at;
        progress.countdown(at);
      },
      stop: stop.signal,
      phase: <T>(begun: Phase, work: () => Promise<T>) => {
        phase = begun;
        // One host's switch may be armed long before the other's, and thus before `armed`.
        if (begun === "arm") deadline = Date.now() + confirmWithin * 1000;
        return progress.task("all", begun, work);
      },
    }),
  );
  session.released();
  return {
    ...outcome,
    result: "changed",
    exitCode: 0,
    proofs: listProofs(proofs),
    text: `${chalk.green("✔")} ${howMany(plan)} made and read back${done}\n${describeProofs(proofs)}`,
  };
}

const installs = (plan: SitePlan) =>
  hostEntries(plan).some(([, { changes }]) => changes.some(({ step, to }) => step === "package" && to));
