import { changeScript } from "../converge/plan-site.js";
import { hostTitles } from "../core/hosts.js";
import { type HostPlan, readMarker } from "../core/plan.js";
import { excerpt } from "../core/printable.js";
import type { Shell } from "../core/shell.js";
import { describe } from "./failure.js";
import type { Listener } from "./undertaking.js";

/**
 * Carries out a host's plan, until `deadline` (of `Date.now`), behind the lines `guard`. Resolves to what failed, or
 * undefined.
 */
export async function runPlan(
  shell: Shell,
  plan: HostPlan | undefined,
  listener: Pick<Listener, "item">,
  deadline: number,
  guard: readonly string[],
): Promise<string | undefined> {
  if (plan === undefined || plan.changes.length === 0) return undefined;
  let at = "the beginning";
  try {
    const { stderr, code } = await shell.run(changeScript(plan, guard), {
      onLine: (line) => {
        const marker = readMarker(line);
        if (marker === undefined) return;
        at = excerpt(`${marker.step} ${marker.id}`);
        listener.item(plan.host, marker.step, marker.id);
      },
      timeoutMs: Math.max(1000, deadline - Date.now()),
    });
    if (code === 0) return undefined;
    return `the change on the ${hostTitles[plan.host]} failed at ${at}: ${excerpt(stderr) || `exit status ${code}`}`;
  } catch (error) {
    return `the change on the ${hostTitles[plan.host]} stopped at ${at}: ${describe(error)}`;
  }
}
