import chalk from "chalk";
import { checkOwner, countChanges, nothing, planSite } from "../converge/plan-site.js";
import { type ConvergeOptions, converge } from "./converge.js";
import { howMany, listChanges, runCommand } from "./run.js";
import { withHosts } from "./session.js";

/** `ds4 teardown`: both hosts as they were before the first `apply`. */
export function teardown(name: string | undefined, options: ConvergeOptions): Promise<0 | 1 | 2> {
  return runCommand("teardown", name, options, (site, progress) =>
    withHosts(site, options, progress, 3, async (shells, reading) => {
      checkOwner(site, reading);
      const plan = planSite(reading, nothing);
      const common = { changes: listChanges(plan), notes: [] };
      if (countChanges(plan) === 0) {
        const text = `${chalk.green("✔")} nothing to do: nothing of ds4's is on the two hosts`;
        return { ...common, result: "nothing-to-do", exitCode: 0, text };
      }
      const done = await converge(
        site,
        shells,
        reading,
        { target: nothing, plan, notes: [] },
        options,
        progress,
      );
      return done
        ? {
            ...common,
            result: "changed",
            exitCode: 0,
            text: `${chalk.green("✔")} ${howMany(plan)} made and read back: both hosts are as they were before ds4.`,
          }
        : { ...common, changes: [], result: "cancelled", exitCode: 1, text: "Nothing was changed." };
    }),
  );
}
