import { setTimeout as sleep } from "node:timers/promises";
import { countChanges, namesOf, planSite, type Target } from "../converge/plan-site.js";
import { type AnyReading, readHosts, type Shells } from "../converge/read.js";
import { undoNow, undoPath } from "../core/dead-man-switch.js";
import { ConnectError, Ds4Error } from "../core/errors.js";
import { releaseLine } from "../core/lock.js";
import type { Shell } from "../core/shell.js";
import { type HostName, hostEntries, mapHosts, onHosts } from "../core/step.js";
import { hostsOf } from "../inventory/site.js";
import { inWords } from "../report/words.js";
import { ChangeError, describe, Setback } from "./failure.js";
import { runPlan } from "./run-plan.js";
import type { Connections, Undertaking } from "./undertaking.js";

/**
 * Takes both hosts back at once, by the script that lies on each, and reads both again. Resolves to the error that
 * tells what came of it. `opened` are the connections there are, the newest first.
 */
export async function goBack(
  undertaking: Undertaking,
  connections: Connections,
  opened: readonly Shells[],
  deadline: number,
  reason: unknown,
): Promise<ChangeError> {
  const { site, before } = undertaking;
  if (!(reason instanceof Setback) && !(reason instanceof Ds4Error)) throw reason;
  const { all, verb } = inWords(hostsOf(site));
  const All = all.replace(/^./, (letter) => letter.toUpperCase());
  const proofs = reason instanceof Setback ? reason.proofs : [];
  const why = reason.hint ?? "mend the cause, then run the same command again";
  const results = await onHosts(connections.shells, (_, host) =>
    undo(host, undertaking, connections, opened),
  );
  const lost = hostEntries(results).flatMap(([, result]) => (typeof result === "string" ? [result] : []));
  if (lost.length > 0) {
    const seconds = Math.max(0, Math.ceil((deadline - Date.now()) / 1000));
    const when = `at ${new Date(deadline).toLocaleTimeString()}${seconds > 0 ? ` (in ${seconds} s)` : ""}`;
    return new ChangeError(
      `${reason.message}\n${lost.join("\n")}\nWhat can't be reached goes back by itself ${when}, or at its next boot.`,
      false,
      { hint: `${why}\n'ds4 status ${site.name}' shows how things stand after that`, cause: reason, proofs },
    );
  }
  const past: Target = mapHosts(before as AnyReading, ({ actual }) => actual);
  try {
    const shells = results as Shells;
    let left = planSite(await readHosts(site, shells), past);
    if (countChanges(left) > 0) {
      // Confirmed on one of them, or something of the undo did not work: step by step, then.
      const quiet = { item: () => {} };
      await onHosts(shells, (shell, host) => runPlan(shell, left[host], quiet, Date.now() + 120_000, []));
      left = planSite(await readHosts(site, shells), past);
    }
    if (countChanges(left) === 0) {
      return new ChangeError(
        `${reason.message}\n${All} ${verb("is back where it was", "are back where they were")}.`,
        true,
        {
          hint: why,
          cause: reason,
          proofs,
        },
      );
    }
    return new ChangeError(
      `${reason.message}\nGoing back failed, too; this is left: ${namesOf(left)}`,
      false,
      {
        hint: `${why}\n'ds4 status ${site.name}' shows what is there, 'ds4 teardown ${site.name}' removes it; by hand: the README's 'Undoing it by hand'`,
        cause: reason,
        proofs,
      },
    );
  } catch (error) {
    return new ChangeError(
      `${reason.message}\n${All} ${verb("was", "were")} told to go back, and can't be read again: ${describe(error)}`,
      false,
      {
        hint: `${why}\nonce ${all} ${verb("answers", "answer")}, 'ds4 status ${site.name}' shows what is there`,
        cause: error,
        proofs,
      },
    );
  }
}

/** How long one connection is waited for before the next is tried, too. */
const patienceMs = 10_000;

/**
 * Runs a host's undo by whichever connection works: the undo itself sees to it that it is done once. Resolves to that
 * connection, or to why there is none.
 */
async function undo(
  host: HostName,
  { arming }: Undertaking,
  connections: Connections,
  opened: readonly Shells[],
): Promise<Shell | string> {
  const ways: (() => Promise<Shell>)[] = [
    ...opened.flatMap(({ [host]: shell }) => (shell === undefined ? [] : [async () => shell])),
    () => connections.reopen(host),
  ];
  const bugs: unknown[] = [];
  const troubles: string[] = [];
  const attempt = async (way: () => Promise<Shell>): Promise<Shell> => {
    try {
      const shell = await way();
      const { code, stderr } = await shell.run(undoNow([releaseLine(arming)]), { timeoutMs: 60_000 });
      if (code !== 0) troubles.push(`${undoPath} ended with ${code}: ${stderr.trim()}`);
      return shell;
    } catch (error) {
      if (error instanceof ConnectError) troubles.push(error.message);
      else bugs.push(error);
      throw error;
    }
  };
  const begun: Promise<Shell>[] = [];
  for (const way of ways) {
    const one = attempt(way);
    one.catch(() => {});
    begun.push(one);
    const first = await Promise.race([
      Promise.any(begun).catch(() => undefined),
      // Without a ref: ds4 doesn't wait for it once all is done.
      sleep(patienceMs, undefined, { ref: false }),
    ]);
    if (first !== undefined) return first;
  }
  const shell = await Promise.any(begun).catch(() => undefined);
  if (bugs.length > 0) throw bugs[0];
  return shell ?? `The ${host} can't be told to go back: ${[...new Set(troubles)].join("; ")}.`;
}
