import { countChanges, namesOf, planSite } from "../converge/plan-site.js";
import { read, readHosts, type Shells } from "../converge/read.js";
import { hostEntries, hostTitles, onHosts } from "../core/hosts.js";
import { readConnections } from "../proof/connections.js";
import { judgeConnections, type Proof } from "../proof/judge.js";
import { type Before, connectionProbes } from "./arm.js";
import { Setback } from "./failure.js";
import type { Undertaking } from "./undertaking.js";

/**
 * Shows what the change has come to, over connections that were opened after it: all hosts read again, packets on
 * the new way, and everything that worked before. Two scripts on each host at home, and one on the VPS.
 * @throws HostError, ConnectError where something can't be seen at all.
 */
export async function prove(
  undertaking: Undertaking,
  shells: Shells,
  before: Before | undefined,
): Promise<readonly Proof[]> {
  const { site, design, target } = undertaking;
  const proof = design?.proof;
  const probes = connectionProbes(undertaking);
  const reading = await readHosts(site, shells, {
    vps: [...(proof === undefined ? [] : [proof.visitor]), probes.vps],
  });
  // Now that the visitor has been there.
  const { counters } = proof ?? {};
  const seen = await onHosts(shells, async (shell, host) => {
    if (host === "vps") return reading.vps.sections;
    const own = [counters?.host === host ? counters.probe : undefined, probes[host]];
    return read(
      shell,
      own.filter((probe) => probe !== undefined),
    );
  });
  const left = planSite(reading, target);
  const path = proof?.judge({
    visitor: reading.vps.sections.get("visitor"),
    counters: counters && seen[counters.host]?.get(counters.probe.name),
    vendor: reading.vps.facts.vendor,
  });
  // The router's own ping of the public IPv4 says nothing where it goes home and isn't answered there, or went home
  // before a teardown.
  const silent = path?.silent ?? true;
  return [
    {
      name: "read back",
      proved: countChanges(left) === 0,
      seen:
        countChanges(left) === 0
          ? "over new SSH connections, nothing is left to do"
          : `still not as wanted: ${namesOf(left)}`,
    },
    ...(path?.proofs ?? []),
    ...hostEntries(seen).map(([host, sections]) =>
      judgeConnections(
        hostTitles[host],
        before?.[host] ?? new Map(),
        readConnections(sections.get("connections")),
        (name) => host !== "vps" && silent && name.includes("provider's IPv4"),
      ),
    ),
  ];
}

/** The same, and every proof has to be one. @throws Setback with those that are none */
export async function proveOrFail(
  undertaking: Undertaking,
  shells: Shells,
  before: Before | undefined,
): Promise<readonly Proof[]> {
  const proofs = await prove(undertaking, shells, before);
  const failed = proofs.filter(({ proved }) => proved === false);
  if (failed.length > 0) {
    throw new Setback(
      failed.map(({ name, seen }) => `not proved: ${name}: ${seen}`),
      proofs,
    );
  }
  return proofs;
}
