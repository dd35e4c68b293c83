import chalk from "chalk";
import { aimFor, countChanges, planSite } from "../converge/plan-site.js";
import { withPath } from "../converge/read.js";
import { type ConvergeOptions, converge } from "./converge.js";
import { howMany, listChanges, runCommand } from "./run.js";
import { withHosts } from "./session.js";

/** `ds4 apply`: brings both hosts to what the inventory says, and reads it back. */
export function apply(name: string | undefined, options: ConvergeOptions): Promise<0 | 1 | 2> {
  return runCommand("apply", name, options, (site, progress) =>
    withHosts(site, options, progress, 3, async (shells, first) => {
      const reading = await progress.task("vps", "measure", () => withPath(site, shells, first));
      const { target, design } = aimFor(site, reading);
      const plan = planSite(reading, target);
      const way = `${design.publicIPv4} -> ${site.server}`;
      const common = {
        publicIPv4: design.publicIPv4,
        server: site.server,
        mtu: design.mtu,
        changes: listChanges(plan),
        notes: [...design.notes],
      };
      if (countChanges(plan) === 0) {
        const text = `${chalk.green("✔")} nothing to do: ${site.name} is in sync (${way})`;
        return { ...common, result: "nothing-to-do", exitCode: 0, text };
      }
      const done = await converge(
        site,
        shells,
        reading,
        { target, plan, notes: design.notes },
        options,
        progress,
      );
      return done
        ? {
            ...common,
            result: "changed",
            exitCode: 0,
            text: `${chalk.green("✔")} ${howMany(plan)} made and read back. ${chalk.bold(way)}, tunnel ${site.tunnel.name} with MTU ${design.mtu}`,
          }
        : { ...common, changes: [], result: "cancelled", exitCode: 1, text: "Nothing was changed." };
    }),
  );
}
