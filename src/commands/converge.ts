import { changeHosts } from "../converge/change.js";
import type { SitePlan, Target } from "../converge/plan-site.js";
import type { Reading, Shells } from "../converge/read.js";
import { Ds4Error } from "../core/errors.js";
import type { Site } from "../inventory/site.js";
import { describePlan } from "../report/human.js";
import type { Phase, Progress } from "../report/progress.js";
import { terminalPrompt } from "./prompt.js";
import { howMany } from "./run.js";
import type { CommonOptions } from "./session.js";

export type ConvergeOptions = CommonOptions & { readonly yes?: boolean };

/**
 * Shows the plan, asks, and carries it out; false when the answer was no. @throws Ds4Error where nobody can be
 * asked, ChangeError where it didn't work.
 */
export async function converge(
  site: Site,
  shells: Shells,
  reading: Reading,
  { target, plan, notes }: { target: Target; plan: SitePlan; notes: readonly string[] },
  options: ConvergeOptions,
  progress: Progress,
): Promise<boolean> {
  if (!options.json) {
    process.stderr.write(
      `\n${describePlan(plan, "plan")}\n${notes.map((note) => `note: ${note}\n`).join("")}\n`,
    );
  }
  if (!options.yes) {
    const prompt = terminalPrompt(progress);
    if (prompt === undefined) {
      throw new Ds4Error("nobody is there to be asked, and nothing was changed", {
        hint: "add --yes to make the changes without a question",
      });
    }
    if (!(await prompt.confirm(`Make ${howMany(plan)}?`))) return false;
  }
  const stop = new AbortController();
  const interrupt = () => {
    if (stop.signal.aborted) process.exit(130);
    stop.abort();
    process.stderr.write("\nstopping: what is begun is taken back (once more to leave it as it is)\n");
  };
  process.on("SIGINT", interrupt);
  try {
    await changeHosts(site, shells, reading, target, plan, {
      item: progress.item,
      stop: stop.signal,
      phase: <T>(phase: Phase, work: () => Promise<T>) => progress.task("both", phase, work),
    });
  } finally {
    process.off("SIGINT", interrupt);
  }
  return true;
}
