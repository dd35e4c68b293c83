import chalk from "chalk";
import { aimFor, countChanges } from "../converge/plan-site.js";
import { checkUnconfirmed } from "../converge/unconfirmed.js";
import { waysHome } from "../report/human.js";
import { type ConvergeOptions, changeOutcome, converge, runsOfChange } from "./converge.js";
import { measured } from "./measured.js";
import { runCommand } from "./run.js";
import { withLockedHosts } from "./session.js";

/** `ds4 apply`: brings all hosts to what the inventory says, and reads it back. */
export function apply(name: string | undefined, options: ConvergeOptions): Promise<0 | 1 | 2> {
  return runCommand("apply", name, options, (site, progress) =>
    withLockedHosts(site, options, progress, runsOfChange, async (session) => {
      checkUnconfirmed(site, session.reading);
      const reading = await measured(site, session.shells, session.reading, progress);
      const { target, plan, design } = aimFor(site, reading);
      const way = waysHome(design.entrances);
      if (countChanges(plan) === 0) {
        const text = `${chalk.green("✔")} nothing to do: ${site.name} is in sync (${way})`;
        return { ...changeOutcome(site, plan, design), result: "nothing-to-do", exitCode: 0, text };
      }
      const done = `. ${chalk.bold(way)}, ${design.way}`;
      return converge(
        site,
        session,
        { command: "apply", reading, target, plan, design, done },
        options,
        progress,
      );
    }),
  );
}
