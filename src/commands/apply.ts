import chalk from "chalk";
import { aimFor, countChanges } from "../converge/plan-site.js";
import { checkUnconfirmed } from "../converge/unconfirmed.js";
import { describeProofs } from "../report/human.js";
import { waysHome } from "../report/words.js";
import { type ConvergeOptions, converge, runsOfChange } from "./converge.js";
import { measured } from "./measured.js";
import { howMany, listChanges, listDesign, listProofs, runCommand } from "./run.js";
import { withHosts } from "./session.js";

/** `ds4 apply`: brings all hosts to what the inventory says, and reads it back. */
export function apply(name: string | undefined, options: ConvergeOptions): Promise<0 | 1 | 2> {
  return runCommand("apply", name, options, (site, progress) =>
    withHosts(site, options, progress, { expectedRuns: runsOfChange, lock: true }, async (session) => {
      checkUnconfirmed(site, session.reading);
      const reading = await measured(site, session.shells, session.reading, progress);
      const { target, plan, design } = aimFor(site, reading);
      const way = waysHome(design.entrances);
      const common = {
        ...listDesign(site, design),
        changes: listChanges(plan),
        notes: [...design.notes],
      };
      if (countChanges(plan) === 0) {
        const text = `${chalk.green("✔")} nothing to do: ${site.name} is in sync (${way})`;
        return { ...common, result: "nothing-to-do", exitCode: 0, text };
      }
      const proofs = await converge(
        site,
        session,
        { command: "apply", reading, target, plan, design },
        options,
        progress,
      );
      return proofs
        ? {
            ...common,
            result: "changed",
            exitCode: 0,
            proofs: listProofs(proofs),
            text: `${chalk.green("✔")} ${howMany(plan)} made and read back. ${chalk.bold(way)}, ${design.way}\n${describeProofs(proofs)}`,
          }
        : { ...common, changes: [], result: "cancelled", exitCode: 1, text: "Nothing was changed." };
    }),
  );
}
