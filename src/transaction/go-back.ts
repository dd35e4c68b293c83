import { setTimeout as sleep } from "node:timers/promises";
import { countChanges, namesOf, planSite, type Target } from "../converge/plan-site.js";
import { type AnyReading, readHosts, type Shells } from "../converge/read.js";
import { confirmScript, onlyAfter, undoNow } from "../core/dead-man-switch.js";
import { Ds4Error } from "../core/errors.js";
import { type HostName, hostEntries, hostTitles, inWords, mapHosts, onHosts } from "../core/hosts.js";
import { releaseLine, takeLines } from "../core/lock.js";
import { excerpt } from "../core/printable.js";
import type { Shell } from "../core/shell.js";
import { ChangeError, Setback } from "./failure.js";
import { runPlan } from "./run-plan.js";
import type { Connections, Undertaking } from "./undertaking.js";

/**
 * Takes all hosts back at once, by the script that lies on each, and reads them again. Resolves to the error that tells
 * what came of it. `opened` are the connections there are, the newest first; the switches fire at `deadline`, and
 * `asked` says whether the hosts were asked to keep the change: of one that hasn't answered, nobody knows then.
 */
export async function goBack(
  undertaking: Undertaking,
  connections: Connections,
  opened: readonly Shells[],
  { deadline, asked }: { readonly deadline: number; readonly asked: boolean },
  reason: unknown,
): Promise<ChangeError> {
  const { site } = undertaking;
  const told = await onHosts(connections.shells, (_, host) => undo(host, undertaking, connections, opened));
  const lost = hostEntries(told).filter(([, { shell }]) => shell === undefined);
  const reached = Object.fromEntries(
    hostEntries(told).flatMap(([host, { shell }]) => (shell === undefined ? [] : [[host, shell]])),
  ) as Shells;
  const outcome = await goOnBack(undertaking, reached);
  const { says, hint } = inShort(reason);
  const hints = [hint, outcome.hint];
  const lines = [says, ...hostEntries(told).flatMap(([, { trouble }]) => trouble ?? []), outcome.says];
  if (lost.length > 0) {
    const seconds = Math.max(0, Math.ceil((deadline - Date.now()) / 1000));
    const when = `at ${new Date(deadline).toLocaleTimeString()}${seconds > 0 ? ` (in ${seconds} s)` : ""}`;
    lines.push(
      asked
        ? `What can't be reached keeps the change if the confirmation has come to it; if not, it goes back by itself ${when}, or at its next boot.`
        : `What can't be reached goes back by itself ${when}, or at its next boot.`,
    );
    hints.push(`'ds4 status ${site.name}' shows how things stand after that`);
  }
  const text = (parts: readonly (string | undefined)[]) =>
    parts.filter((part) => part !== undefined).join("\n");
  return new ChangeError(text(lines), lost.length === 0 && outcome.undone, {
    hint: text(hints),
    cause: outcome.cause ?? reason,
    proofs: reason instanceof Setback ? reason.proofs : [],
  });
}

/** Why it is taken back, and what to do about it. */
function inShort(reason: unknown): { readonly says: string; readonly hint: string } {
  // New connections may fail to several hosts at once.
  const reasons: readonly unknown[] = reason instanceof AggregateError ? reason.errors : [reason];
  const setbacks = reasons.filter((one) => one instanceof Setback || one instanceof Ds4Error);
  if (setbacks.length < reasons.length) {
    return {
      says: `ds4 itself is at fault: ${(reason as Error).stack ?? reason}`,
      hint: "please report this",
    };
  }
  const hints = new Set(setbacks.flatMap(({ hint }) => hint ?? []));
  return {
    says: [...new Set(setbacks.map(({ message }) => message))].join("\n"),
    hint: hints.size > 0 ? [...hints].join("\n") : "mend the cause, then run the same command again",
  };
}

type Outcome = {
  readonly undone: boolean;
  readonly says?: string;
  readonly hint?: string;
  readonly cause?: unknown;
};

/**
 * Reads the hosts that were told to go back, and takes back step by step what is left of the change: where it was
 * confirmed, or something of the undo did not work. Not so what another run has made since.
 */
async function goOnBack({ site, before, arming }: Undertaking, shells: Shells): Promise<Outcome> {
  const hosts = hostEntries(shells).map(([host]) => host);
  if (hosts.length === 0) return { undone: false };
  const { all, verb } = inWords(hosts);
  const All = all.replace(/^./, (letter) => letter.toUpperCase());
  const past: Target = mapHosts(before as AnyReading, ({ actual }) => actual);
  try {
    let reading: AnyReading = await readHosts(site, shells);
    let left = planSite(reading, past);
    let failures: readonly string[] = [];
    if (countChanges(left) > 0) {
      const guard = [...takeLines(arming, "fail 'another run of ds4 is at it'"), ...onlyAfter(arming.run)];
      const quiet = { item: () => {} };
      const results = await onHosts(shells, (shell, host) =>
        runPlan(shell, left[host], quiet, Date.now() + 120_000, guard),
      );
      failures = hostEntries(results).flatMap(([, failure]) => failure ?? []);
      reading = await readHosts(site, shells);
      left = planSite(reading, past);
    }
    if (countChanges(left) === 0) {
      // An undo that failed would come again with the timer, and at the next boot.
      await onHosts(shells, async (shell, host) => {
        if (reading[host]?.facts.armed?.run === arming.run) await shell.run(confirmScript(host, arming.run));
      });
      return { undone: true, says: `${All} ${verb("is back where it was", "are back where they were")}.` };
    }
    return {
      undone: false,
      says: [...failures, `Going back failed, too; this is left: ${namesOf(left)}`].join("\n"),
      hint: hostEntries(reading).some(([, { facts }]) => facts.armed !== undefined)
        ? `'ds4 rollback ${site.name}' tries it again, and so does the next boot; by hand: the README's 'Undoing it by hand'`
        : `'ds4 status ${site.name}' shows what is there, 'ds4 teardown ${site.name}' removes it; by hand: the README's 'Undoing it by hand'`,
    };
  } catch (error) {
    return {
      undone: false,
      says: `${All} ${verb("was", "were")} told to go back, and can't be read again: ${(error as Error).message}`,
      hint: `once ${all} ${verb("answers", "answer")}, 'ds4 status ${site.name}' shows what is there`,
      cause: error,
    };
  }
}

/** How long one connection is waited for before the next is tried, too. */
const patienceMs = 10_000;

/** How a host was told to go back: by which connection, if by any, and what went wrong. */
type Told = { readonly shell?: Shell; readonly trouble?: string };

/** Runs a host's undo by whichever connection works: the undo itself sees to it that it is done once. */
async function undo(
  host: HostName,
  { arming }: Undertaking,
  connections: Connections,
  opened: readonly Shells[],
): Promise<Told> {
  const ways: (() => Promise<Shell>)[] = [
    ...opened.flatMap(({ [host]: shell }) => (shell === undefined ? [] : [async () => shell])),
    () => connections.reopen(host),
  ];
  const troubles: string[] = [];
  const attempt = async (way: () => Promise<Shell>): Promise<Told> => {
    try {
      const shell = await way();
      const { code, stderr } = await shell.run(undoNow(arming.run, [releaseLine(arming)]), {
        timeoutMs: 60_000,
      });
      return code === 0
        ? { shell }
        : { shell, trouble: `The undo on the ${hostTitles[host]} failed: ${excerpt(stderr)}` };
    } catch (error) {
      troubles.push((error as Error).message);
      throw error;
    }
  };
  const begun: Promise<Told>[] = [];
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
  const trouble = () =>
    `The ${hostTitles[host]} can't be told to go back: ${[...new Set(troubles)].join("; ")}.`;
  return Promise.any(begun).catch(() => ({ trouble: trouble() }));
}
