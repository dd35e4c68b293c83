import { strict, undoLines } from "../converge/plan-site.js";
import type { AnyReading, Shells } from "../converge/read.js";
import { armLines } from "../core/dead-man-switch.js";
import { type HostName, hostEntries, hostTitles, onHosts, type PerHost } from "../core/hosts.js";
import { releaseLine, renewLines } from "../core/lock.js";
import { excerpt } from "../core/printable.js";
import { group, type Probe } from "../core/script.js";
import type { Shell } from "../core/shell.js";
import { stopCounting } from "../proof/at-home.js";
import {
  type Connections,
  homeConnections,
  readConnections,
  routerConnections,
  vpsConnections,
} from "../proof/connections.js";
import { describe, Setback } from "./failure.js";
import type { Undertaking } from "./undertaking.js";

/** What worked on each host before the change. */
export type Before = PerHost<Connections>;

/** The probes of what works on all hosts for others and for themselves. */
export function connectionProbes({
  site,
  design,
  before: { vps, router, home },
}: Pick<Undertaking, "site" | "design" | "before">): PerHost<Probe> {
  const publicIPv4 = design?.publicIPv4 ?? vps.facts.uplink?.address ?? "";
  return {
    vps: vpsConnections,
    ...(router && { router: routerConnections(site, router.facts, { publicIPv4 }) }),
    ...(home && { home: homeConnections }),
  };
}

/** Arms all switches at once, and looks at what works so far. Nothing else is changed. @throws Setback */
export async function arm(undertaking: Undertaking, shells: Shells): Promise<Before> {
  const { design, before, target, arming, confirmWithin } = undertaking;
  const probes = connectionProbes(undertaking);
  const counters = design?.proof.counters;
  const one = async (shell: Shell, host: HostName) => {
    // Whoever runs the undo, this run of ds4 is over then: its lock is given back, too.
    const actual = (before as AnyReading)[host]?.actual ?? new Map();
    const undo = [...stopCounting[host], ...undoLines(host, actual, target), releaseLine(arming)];
    const script = group([
      ...strict,
      ...renewLines(arming, "fail 'another run of ds4 has its lock by now'"),
      ...armLines(host, arming, confirmWithin, undo),
      ...(counters?.host === host ? counters.arm : []),
      "(",
      probes[host]?.script ?? ":",
      ")",
    ]);
    try {
      const result = await shell.run(script, { timeoutMs: confirmWithin * 1000 });
      if (result.code === 0) return readConnections(result);
      return `the ${hostTitles[host]}'s dead-man switch could not be armed: ${excerpt(result.stderr) || `exit status ${result.code}`}`;
    } catch (error) {
      return `the ${hostTitles[host]}'s dead-man switch could not be armed: ${describe(error)}`;
    }
  };
  const results = await onHosts(shells, one);
  const failures = hostEntries(results).flatMap(([, result]) => (typeof result === "string" ? [result] : []));
  if (failures.length > 0) throw new Setback(failures);
  return results as Before;
}
