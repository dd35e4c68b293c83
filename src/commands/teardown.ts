import chalk from "chalk";
import { aimForNothing, countChanges } from "../converge/plan-site.js";
import { checkUnconfirmed } from "../converge/unconfirmed.js";
import { hostsOf } from "../inventory/site.js";
import { describeProofs } from "../report/human.js";
import { inWords } from "../report/words.js";
import { type ConvergeOptions, converge, runsOfChange } from "./converge.js";
import { howMany, listChanges, listProofs, runCommand } from "./run.js";
import { withHosts } from "./session.js";

/** `ds4 teardown`: all hosts as they were before the first `apply`. */
export function teardown(name: string | undefined, options: ConvergeOptions): Promise<0 | 1 | 2> {
  return runCommand("teardown", name, options, (site, progress) =>
    withHosts(site, options, progress, { expectedRuns: runsOfChange, lock: true }, async (session) => {
      const { reading } = session;
      const { all, verb, those } = inWords(hostsOf(site));
      checkUnconfirmed(site, reading);
      const { target, plan } = aimForNothing(site, reading);
      const common = { changes: listChanges(plan), notes: [] };
      if (countChanges(plan) === 0) {
        const text = `${chalk.green("✔")} nothing to do: nothing of ds4's is on ${those}`;
        return { ...common, result: "nothing-to-do", exitCode: 0, text };
      }
      const proofs = await converge(
        site,
        session,
        { command: "teardown", reading, target, plan },
        options,
        progress,
      );
      return proofs
        ? {
            ...common,
            result: "changed",
            exitCode: 0,
            proofs: listProofs(proofs),
            text: `${chalk.green("✔")} ${howMany(plan)} made and read back: ${all} ${verb("is as it was", "are as they were")} before ds4.\n${describeProofs(proofs)}`,
          }
        : { ...common, changes: [], result: "cancelled", exitCode: 1, text: "Nothing was changed." };
    }),
  );
}
