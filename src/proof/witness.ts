import { type Probe, quote, required, type Section } from "../core/script.js";
import type { Design } from "../hosts/design.js";
import type { Site } from "../inventory/site.js";
import { visitorIPv4 } from "./visitor.js";

/** Where the visitor's packets and their answers pass on the router, in their order. */
export const hops = ["outer_in", "options_in", "inner_in", "to_server", "answer", "outer_out"] as const;
export type Hop = (typeof hops)[number];

/** Packets at each hop. */
export type WitnessSeen = Readonly<Record<Hop, number>>;

/**
 * Counters on the router, in an nftables table of their own that decides nothing and stands from the arming of the
 * switch to its end. `outer` are the packets of the tunnel with next header 4, and nothing else before it;
 * `to_server` is after all rules, where the packet is what the server gets.
 */
export function witnessLines(site: Site, design: Design): readonly string[] {
  const tunnel = `"${site.tunnel.name}"`;
  const rule = (match: string, counter: Hop) => `    ${match} counter name ${counter}`;
  const chain = (hook: string, priority: number, rules: readonly string[]) => [
    `  chain ${hook} {`,
    `    type filter hook ${hook} priority ${priority}; policy accept;`,
    ...rules,
    "  }",
  ];
  const inward = `ip6 saddr ${design.local} ip6 daddr ${design.remote}`;
  const text = [
    "table inet ds4_witness {",
    ...hops.map((hop) => `  counter ${hop} { packets 0 bytes 0 }`),
    ...chain("prerouting", -300, [
      rule(`${inward} ip6 nexthdr 4`, "outer_in"),
      rule(`${inward} ip6 nexthdr 60`, "options_in"),
      rule(`iifname ${tunnel} ip saddr ${visitorIPv4} ip daddr ${site.server}`, "inner_in"),
      rule(`iifname != ${tunnel} ip saddr ${site.server} ip daddr ${visitorIPv4}`, "answer"),
    ]),
    ...chain("postrouting", 300, [
      rule(`oifname != ${tunnel} ip saddr ${visitorIPv4} ip daddr ${site.server}`, "to_server"),
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
export function readWitness(section: Section | undefined): WitnessSeen {
  const text = required(section, "the counters on the router");
  return Object.fromEntries(
    hops.map((hop) => [hop, Number(new RegExp(`counter ${hop} \\{\\s*packets (\\d+)`).exec(text)?.[1] ?? 0)]),
  ) as WitnessSeen;
}
