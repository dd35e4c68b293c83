import { type Probe, quote, required, type Section } from "../core/script.js";
import type { Design } from "../hosts/design.js";
import { keyOf, type Pair, pairsOf } from "../hosts/entrances.js";
import type { Site } from "../inventory/site.js";
import type { InnerHop, WitnessSeen } from "./witness.js";

/** A pair's counter: the first one's has the hop's name alone. */
const counterOf = (hop: InnerHop, pairs: readonly Pair[], pair: Pair) =>
  pair === pairs[0] ? hop : `${hop} ${keyOf(pair)}`;

/**
 * Counters on the router, in an nftables table of their own that decides nothing and stands from the arming of the
 * switch to its end. `outer` are the packets of the tunnel with next header 4, and nothing else before it;
 * `to_server` is after all rules, where the packet is what the server gets.
 */
export function witnessLines(site: Site, design: Design): readonly string[] {
  const tunnel = `"${site.tunnel.name}"`;
  const pairs = pairsOf(design);
  // Counters in the rules: named ones need a kernel module more.
  const rule = (match: string, name: string) => `    ${match} counter comment "${name}"`;
  const chain = (hook: string, priority: number, rules: readonly string[]) => [
    `  chain ${hook} {`,
    `    type filter hook ${hook} priority ${priority}; policy accept;`,
    ...rules,
    "  }",
  ];
  const inward = `ip6 saddr ${design.local} ip6 daddr ${design.remote}`;
  const text = [
    "table inet ds4_witness {",
    ...chain("prerouting", -300, [
      rule(`${inward} ip6 nexthdr 4`, "outer_in"),
      rule(`${inward} ip6 nexthdr 60`, "options_in"),
      ...pairs.flatMap((pair) => [
        rule(
          `iifname ${tunnel} ip saddr ${pair.visitor} ip daddr ${pair.server}`,
          counterOf("inner_in", pairs, pair),
        ),
        rule(
          `iifname != ${tunnel} ip saddr ${pair.server} ip daddr ${pair.visitor}`,
          counterOf("answer", pairs, pair),
        ),
      ]),
    ]),
    ...chain("postrouting", 300, [
      ...pairs.map((pair) =>
        rule(
          `oifname != ${tunnel} ip saddr ${pair.visitor} ip daddr ${pair.server}`,
          counterOf("to_server", pairs, pair),
        ),
      ),
      rule(`ip6 saddr ${design.remote} ip6 daddr ${design.local} ip6 nexthdr 4`, "outer_out"),
    ]),
    "}",
  ].join("\n");
  return [removeWitness, `nft ${quote(text)}`];
}

export const removeWitness = "nft delete table inet ds4_witness 2>/dev/null || :";

export const witnessProbe: Probe = {
  name: "witness",
  script: "nft list table inet ds4_witness",
};

/** @throws HostError where the counters can't be read. */
export function readWitness(section: Section | undefined, design: Pick<Design, "entrances">): WitnessSeen {
  const counters = new Map(
    [
      ...required(section, "the counters on the router").matchAll(
        /counter packets (\d+) bytes \d+ comment "([^"]+)"/g,
      ),
    ].map(([, packets, name]) => [name, Number(packets)]),
  );
  const read = (name: string) => counters.get(name) ?? 0;
  const pairs = pairsOf(design);
  return {
    outer_in: read("outer_in"),
    options_in: read("options_in"),
    outer_out: read("outer_out"),
    ways: new Map(
      pairs.map((pair) => {
        const at = (hop: InnerHop) => read(counterOf(hop, pairs, pair));
        return [keyOf(pair), { inner_in: at("inner_in"), to_server: at("to_server"), answer: at("answer") }];
      }),
    ),
  };
}
