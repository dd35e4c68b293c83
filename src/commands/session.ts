import type { Reading, Shells } from "../converge/read.js";
import { readHosts } from "../converge/read.js";
import { findSite } from "../inventory/find.js";
import { loadSite } from "../inventory/load.js";
import type { Site } from "../inventory/site.js";
import type { Progress } from "../report/progress.js";
import { terminalPrompt } from "./prompt.js";

/** Options that every command has. */
export type CommonOptions = {
  readonly inventory: string;
  readonly json?: boolean;
  readonly sshConfig?: string;
  readonly acceptNewHostKey?: boolean;
};

/** Reads and checks the inventory; opens no connection. */
export async function openSite(name: string | undefined, options: CommonOptions): Promise<Site> {
  return loadSite(await findSite(options.inventory, name));
}

/**
 * Connects to both hosts at once, reads them, and hands both to `work`; closes the connections whatever happens.
 * `expectedRuns` scripts a host are expected to be run, the first read included: their shells are opened in one go.
 */
export async function withHosts<T>(
  site: Site,
  options: CommonOptions,
  progress: Progress,
  expectedRuns: number,
  work: (shells: Shells, reading: Reading) => Promise<T>,
): Promise<T> {
  const { connect } = await import("../ssh/connect.js");
  const { parseTarget } = await import("../ssh/target.js");
  const prompt = terminalPrompt(progress);
  const open = (label: "vps" | "router") =>
    progress.task(label, "connect", () =>
      connect(parseTarget(site[label].ssh), {
        label,
        ...(prompt === undefined ? {} : { prompt }),
        ...(options.sshConfig === undefined ? {} : { sshConfigFile: options.sshConfig }),
        acceptNewHostKey: options.acceptNewHostKey === true,
        onNotice: progress.note,
        expectedRuns,
      }),
    );
  const opened = await Promise.allSettled([open("vps"), open("router")]);
  const shells = opened.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  try {
    const [vps, router] = shells;
    if (vps === undefined || router === undefined || shells.length < 2) {
      throw failure(opened);
    }
    const both = { vps, router };
    const reading = await progress.task("both", "read", () => readHosts(site, both));
    return await work(both, reading);
  } finally {
    await Promise.all(shells.map((shell) => shell.close()));
  }
}

/** Both hosts' failures, where both failed: one run shows all there is to mend. */
function failure(results: readonly PromiseSettledResult<unknown>[]): unknown {
  const reasons = results.flatMap((result) =>
    result.status === "rejected" ? [result.reason as unknown] : [],
  );
  return reasons.length > 1 ? new AggregateError(reasons) : reasons[0];
}
