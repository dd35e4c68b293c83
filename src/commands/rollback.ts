import chalk from "chalk";
import { readHosts } from "../converge/read.js";
import { armedElsewhere, notWaiting } from "../converge/unconfirmed.js";
import { undoNow } from "../core/dead-man-switch.js";
import { Ds4Error } from "../core/errors.js";
import { hostTitles, onHosts } from "../core/hosts.js";
import { excerpt } from "../core/printable.js";
import { listUnconfirmed, runCommand } from "./run.js";
import { type CommonOptions, withHosts } from "./session.js";

/** `ds4 rollback`: takes a change back that waits to be confirmed, also one of another laptop, without waiting. */
export function rollback(name: string | undefined, options: CommonOptions): Promise<0 | 1 | 2> {
  return runCommand("rollback", name, options, (site, progress) =>
    withHosts(site, options, progress, 3, async ({ reading, shells }) => {
      const waiting = listUnconfirmed(reading);
      const [first] = waiting;
      if (first === undefined) {
        const text = `${chalk.green("✔")} nothing to do: no change waits to be confirmed`;
        return { result: "nothing-to-do", exitCode: 0, changes: [], notes: [], text };
      }
      await progress.task("all", "undo", async () => {
        const results = await onHosts(shells, (shell) => shell.run(undoNow()));
        const failures = listUnconfirmed(await readHosts(site, shells)).map(
          ({ host }) =>
            `the ${hostTitles[host]} did not go back: ${excerpt(results[host]?.stderr ?? "") || "its switch is still armed"}`,
        );
        if (failures.length === 0) return;
        throw new Ds4Error(failures.join("\n"), {
          hint: `'ds4 status ${site.name}' shows what is there; the README's 'Undoing it by hand' removes it`,
        });
      });
      const notes = [
        // Ones that this inventory doesn't name have switches of their own.
        ...armedElsewhere(site, reading).map(
          (host) =>
            `the ${hostTitles[host]}, which isn't in ${site.file}, goes back by itself in ${first.secondsLeft} s, or at its next boot`,
        ),
        // One whose confirmation came before the run's end may keep its half.
        ...notWaiting(reading).map(
          (host) =>
            `the ${hostTitles[host]} had no switch any more: it is as it was before that change, or keeps it; 'ds4 status ${site.name}' shows which, 'ds4 apply ${site.name}' makes the site whole, 'ds4 teardown ${site.name}' takes all of it away`,
        ),
      ];
      return {
        result: "rolled-back",
        exitCode: 0,
        changes: [],
        notes,
        text: [
          `${chalk.green("✔")} ${waiting.map(({ host }) => host).join(", ")} went back to how things were before 'ds4 ${first.command}' by ${first.by}`,
          ...notes.map((note) => `  ${note}`),
        ].join("\n"),
      };
    }),
  );
}
