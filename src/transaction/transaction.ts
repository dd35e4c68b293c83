import { setTimeout as sleep } from "node:timers/promises";
import { planOne, stagesOfSite } from "../converge/plan-site.js";
import { type AnyReading, readHosts, type Shells } from "../converge/read.js";
import { confirmScript, underSwitch } from "../core/dead-man-switch.js";
import { ConnectError } from "../core/errors.js";
import { type HostName, hostEntries, hostTitles, onHosts } from "../core/hosts.js";
import { releaseLine } from "../core/lock.js";
import type { Shell } from "../core/shell.js";
import { stopCounting } from "../proof/at-home.js";
import type { Proof } from "../proof/judge.js";
import { arm } from "./arm.js";
import { Setback } from "./failure.js";
import { goBack } from "./go-back.js";
import { proveOrFail } from "./prove.js";
import { runPlan } from "./run-plan.js";
import type { Connections, Listener, Undertaking } from "./undertaking.js";

/**
 * Changes all hosts, or none: arms a switch on each that undoes everything, makes the changes, proves them over
 * new connections, and confirms. Whatever fails on the way takes both back. Resolves to the proofs.
 * @throws ChangeError with what failed, where, and which state the hosts are in now.
 */
export async function transact(
  undertaking: Undertaking,
  connections: Connections,
  listener: Listener,
): Promise<readonly Proof[]> {
  const opened: Shells[] = [connections.shells];
  const stopped = new Promise<never>((_, reject) => {
    const stop = () => reject(new Setback(["you stopped it"]));
    if (listener.stop.aborted) stop();
    listener.stop.addEventListener("abort", stop, { once: true });
  });
  stopped.catch(() => {});
  /** What the user may break off at any moment: the undo ends what is still running. */
  const phase = <T>(name: Parameters<Listener["phase"]>[0], work: () => Promise<T>): Promise<T> =>
    listener.phase(name, () => {
      const done = work();
      done.catch(() => {});
      return Promise.race([done, stopped]);
    });
  const deadline = Date.now() + undertaking.confirmWithin * 1000;
  let asked = false;
  try {
    const before = await phase("arm", () => arm(undertaking, connections.shells));
    listener.armed(deadline);
    await phase("change", () => change(undertaking, connections.shells, deadline, listener));
    const { proofs, shells } = await phase("prove", async () => {
      const fresh = await connections.reconnect(3);
      opened.unshift(fresh);
      return { proofs: await proveOrFail(undertaking, fresh, before), shells: fresh };
    });
    if (listener.stop.aborted) await stopped;
    asked = true;
    await listener.phase("confirm", async () => {
      const failures = await confirm(undertaking, connections, shells, deadline);
      if (failures.length > 0) throw new Setback(failures.map(([, failure]) => failure));
    });
    return proofs;
  } catch (error) {
    throw await listener.phase("undo", async () => {
      const outcome = await goBack(undertaking, connections, opened, { deadline, asked }, error);
      // Told of as one that failed.
      if (!outcome.undone) throw outcome;
      return outcome;
    });
  }
}

/** Runs the plan's stages, each on all hosts at once. @throws Setback */
async function change(
  { plan, arming }: Undertaking,
  shells: Shells,
  deadline: number,
  listener: Listener,
): Promise<void> {
  for (const stage of stagesOfSite(plan)) {
    if (listener.stop.aborted) return;
    const guard = underSwitch(arming.run);
    const failures = await onHosts(shells, (shell, host) =>
      runPlan(shell, stage[host], listener, deadline, guard),
    );
    const reasons = hostEntries(failures).flatMap(([, failure]) => failure ?? []);
    if (reasons.length > 0) throw new Setback(reasons);
  }
}

/**
 * Confirms on all hosts at once: all are asked before any has answered. Where the answer gets lost, the host is asked
 * again until its switch must have fired. Resolves to those that have gone back, or can't be asked, and why.
 */
export async function confirm(
  undertaking: Undertaking,
  connections: Connections,
  shells: Shells,
  deadline: number,
): Promise<readonly (readonly [HostName, string])[]> {
  const { site, target, arming, confirmWithin } = undertaking;
  const confirmed = async (host: HostName, shell: Shell): Promise<boolean> => {
    const script = confirmScript(host, arming.run, [...stopCounting[host], releaseLine(arming)]);
    const { code } = await shell.run(script, { timeoutMs: 30_000 });
    if (code === 0) return true;
    // Asked again, the first one may have got through; and somebody else may have confirmed it.
    const { [host]: own } = (await readHosts(site, { [host]: shell } as Shells)) as Partial<AnyReading>;
    if (own === undefined) return false;
    return own.facts.armed === undefined && planOne(host, own.actual, target).changes.length === 0;
  };
  const one = async (host: HostName): Promise<string | undefined> => {
    let shell: Shell | undefined = shells[host];
    for (;;) {
      try {
        shell ??= await connections.reopen(host);
        if (await confirmed(host, shell)) return undefined;
        return `the ${hostTitles[host]} went back before this was confirmed (after ${confirmWithin} s; --confirm-within gives more time)`;
      } catch (error) {
        if (!(error instanceof ConnectError)) throw error;
        if (Date.now() > deadline)
          return `the ${hostTitles[host]} can't be told to keep the change: ${error.message}`;
        shell = undefined;
        await sleep(againMs);
      }
    }
  };
  return hostEntries(await onHosts(shells, (_, host) => one(host))).flatMap(([host, failure]) =>
    failure === undefined ? [] : [[host, failure] as const],
  );
}

/** How long a host is left alone that didn't answer. */
const againMs = 500;
