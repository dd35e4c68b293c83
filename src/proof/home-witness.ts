import { type Probe, required, type Section } from "../core/script.js";
import { keyOf, pairsOf } from "../hosts/entrances.js";
import type { HomeDesign } from "../hosts/home/design.js";
import type { Site } from "../inventory/site.js";
import { countPackets } from "./counters.js";
import type { WitnessSeen } from "./witness.js";

/**
 * On a Linux machine at home, the rules of ds4's own chains are the counters: iptables may come with the change only,
 * and a table more would leave its built-in chains behind. They count from the arming of the switch.
 */
export const zeroCounters = `[ ! -x /etc/ds4/up ] || {
  for c in 'filter DS4-INPUT' 'filter DS4-FORWARD' 'mangle DS4-PREROUTING' 'mangle DS4-OUTPUT'; do iptables -w -t \${c% *} -Z \${c#* }; done
  for c in INPUT OUTPUT; do ip6tables -w -Z DS4-$c; done
} >/dev/null 2>&1 || :`;

export const homeWitnessProbe: Probe = {
  name: "witness",
  script: "ip6tables-save -c -t filter && iptables-save -c -t filter && iptables-save -c -t mangle",
};

/** @throws HostError where the counters can't be read. */
export function readHomeWitness(
  section: Section | undefined,
  site: Site,
  design: Pick<HomeDesign, "local" | "remote" | "home" | "entrances">,
): WitnessSeen {
  const { local, remote, home } = design;
  const saved = required(section, "the counters on the home machine");
  const count = (chain: string, match: string) =>
    countPackets(saved, (line) => `${line} `.includes(` -A DS4-${chain} ${match} `));
  const tunnel = site.tunnel.name;
  return {
    outer_in: count("INPUT", `-s ${local}/128 -d ${remote}/128`),
    // The read-back shows that the VPS puts none in.
    options_in: 0,
    outer_out: count("OUTPUT", `-s ${remote}/128 -d ${local}/128`),
    ways: new Map(
      pairsOf(design).map((pair) => {
        const { visitor, server } = pair;
        const here = home.here.includes(server);
        const inward = `-s ${visitor}/32 -d ${server}/32 -i ${tunnel}`;
        const outward = `-s ${server}/32 -d ${visitor}/32`;
        return [
          keyOf(pair),
          {
            inner_in: count("PREROUTING", inward),
            to_server: count(here ? "INPUT" : "FORWARD", inward),
            answer: here ? count("OUTPUT", outward) : count("PREROUTING", `${outward} ! -i ${tunnel}`),
          },
        ];
      }),
    ),
  };
}
