import chalk from "chalk";
import { aimFor, changeScripts, countChanges, planSite } from "../converge/plan-site.js";
import { withPath } from "../converge/read.js";
import { describePlan } from "../report/human.js";
import { howMany, listChanges, listServers, runCommand } from "./run.js";
import { type CommonOptions, withHosts } from "./session.js";

/** `ds4 plan`: what `apply` would do and, with `--script`, the very scripts that it would run. */
export function plan(
  name: string | undefined,
  options: CommonOptions & { readonly script?: boolean },
): Promise<0 | 1 | 2> {
  return runCommand("plan", name, options, (site, progress) =>
    withHosts(site, options, progress, { expectedRuns: 1 }, async ({ shells, reading: first }) => {
      const reading = await progress.task("vps", "measure", () => withPath(site, shells, first));
      const { target, design } = aimFor(site, reading);
      const changes = planSite(reading, target);
      const inSync = countChanges(changes) === 0;
      const scripts = changeScripts(changes);
      return {
        result: inSync ? "in-sync" : "drift",
        exitCode: inSync ? 0 : 2,
        publicIPv4: design.publicIPv4,
        ...listServers(site),
        mtu: design.mtu,
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
