import chalk from "chalk";
import { readHosts } from "../converge/read.js";
import { undoNow } from "../core/dead-man-switch.js";
import { Ds4Error } from "../core/errors.js";
import { runCommand } from "./run.js";
import { type CommonOptions, withHosts } from "./session.js";

/** `ds4 rollback`: takes a change back that waits to be confirmed, also one of another laptop, without waiting. */
export function rollback(name: string | undefined, options: CommonOptions): Promise<0 | 1 | 2> {
  return runCommand("rollback", name, options, (site, progress) =>
    withHosts(site, options, progress, { expectedRuns: 3 }, async ({ reading, shells }) => {
      const hosts = (["vps", "router"] as const).filter((host) => reading[host].facts.armed !== undefined);
      const [first] = hosts;
      const armed = first && reading[first].facts.armed;
      if (armed === undefined) {
        const text = `${chalk.green("✔")} nothing to do: no change waits to be confirmed`;
        return { result: "nothing-to-do", exitCode: 0, changes: [], notes: [], text };
      }
      const failures = await progress.task("both", "undo", async () => {
        const results = await Promise.all(hosts.map((host) => shells[host].run(undoNow())));
        const after = await readHosts(site, shells);
        return hosts.flatMap((host, at) =>
          after[host].facts.armed === undefined
            ? []
            : [`the ${host} did not go back: ${results[at]?.stderr.trim() || "its switch is still armed"}`],
        );
      });
      if (failures.length > 0) {
        throw new Ds4Error(failures.join("\n"), {
          hint: `'ds4 status ${site.name}' shows what is there; the README's 'Undoing it by hand' removes it`,
        });
      }
      return {
        result: "rolled-back",
        exitCode: 0,
        changes: [],
        notes: [],
        text: `${chalk.green("✔")} ${hosts.join(" and ")} went back to how things were before 'ds4 ${armed.command}' by ${armed.by}`,
      };
    }),
  );
}
