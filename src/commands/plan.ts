import chalk from "chalk";
import { checkCutOff } from "../converge/cut-off.js";
import { aimFor, changeScripts, countChanges } from "../converge/plan-site.js";
import { checkUnconfirmed } from "../converge/unconfirmed.js";
import { describePlan } from "../report/human.js";
import { measured } from "./measured.js";
import { howMany, listChanges, listDesign, runCommand } from "./run.js";
import { type CommonOptions, withHosts } from "./session.js";

/** `ds4 plan`: what `apply` would do and, with `--script`, the very scripts that it would run. */
export function plan(
  name: string | undefined,
  options: CommonOptions & { readonly script?: boolean },
): Promise<0 | 1 | 2> {
  return runCommand("plan", name, options, (site, progress) =>
    withHosts(site, options, progress, 1, async ({ shells, reading: first }) => {
      // What the hosts are until they go back is nothing to plan upon.
      checkUnconfirmed(site, first);
      const reading = await measured(site, shells, first, progress);
      const { target, plan: changes, design } = aimFor(site, reading);
      checkCutOff(reading, target);
      const inSync = countChanges(changes) === 0;
      const scripts = changeScripts(changes);
      return {
        result: inSync ? "in-sync" : "drift",
        exitCode: inSync ? 0 : 2,
        ...listDesign(site, design),
        changes: listChanges(changes),
        ...(options.script ? { scripts } : {}),
        notes: [...design.notes],
        text: inSync
          ? `${chalk.green("✔")} nothing to change`
          : options.script
            ? Object.entries(scripts)
                .map(([host, script]) => `# ${host}: run by 'sh -s', as root\n${script}`)
                .join("\n")
            : [
                describePlan(changes, "plan"),
                ...design.notes.map((note) => `note: ${note}`),
                `'ds4 apply ${site.name}' makes ${howMany(changes) === "1 change" ? "this change" : `these ${howMany(changes)}`}.`,
              ].join("\n"),
      };
    }),
  );
}
