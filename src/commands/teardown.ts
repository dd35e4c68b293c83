import chalk from "chalk";
import { aimForNothing, countChanges } from "../converge/plan-site.js";
import { checkUnconfirmed } from "../converge/unconfirmed.js";
import { inWords } from "../core/hosts.js";
import { hostsOf } from "../inventory/site.js";
import { type ConvergeOptions, changeOutcome, converge, runsOfChange } from "./converge.js";
import { runCommand } from "./run.js";
import { withLockedHosts } from "./session.js";

/** `ds4 teardown`: all hosts as they were before the first `apply`. */
export function teardown(name: string | undefined, options: ConvergeOptions): Promise<0 | 1 | 2> {
  return runCommand("teardown", name, options, (site, progress) =>
    withLockedHosts(site, options, progress, runsOfChange, async (session) => {
      const { reading } = session;
      const { all, verb, those } = inWords(hostsOf(site));
      checkUnconfirmed(site, reading);
      const { target, plan } = aimForNothing(site, reading);
      if (countChanges(plan) === 0) {
        const text = `${chalk.green("✔")} nothing to do: nothing of ds4's is on ${those}`;
        return { ...changeOutcome(site, plan), result: "nothing-to-do", exitCode: 0, text };
      }
      const done = `: ${all} ${verb("is as it was", "are as they were")} before ds4.`;
      return converge(site, session, { command: "teardown", reading, target, plan, done }, options, progress);
    }),
  );
}
