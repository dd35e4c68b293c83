import { type Probe, quote, required, type Section } from "../core/script.js";
import type { Design } from "../hosts/design.js";
import { type Site, serversOf } from "../inventory/site.js";
import { visitorIPv4 } from "./visitor.js";
import type { InnerHop, WitnessSeen } from "./witness.js";

/** A server's counter: the first one's has the hop's name alone. */
const counterOf = (hop: InnerHop, servers: readonly string[], server: string) =>
  server === servers[0] ? hop : `${hop} ${server}`;

/**
 * Counters on the router, in an nftables table of their own that decides nothing and stands from the arming of the
 * switch to its end. `outer` are the packets of the tunnel with next header 4, and nothing else before it;
 * `to_server` is after all rules, where the packet is what the server gets.
 */
export function witnessLines(site: Site, design: Design): readonly string[] {
  const tunnel = `"${site.tunnel.name}"`;
  const servers = serversOf(site);
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
      ...servers.flatMap((server) => [
        rule(
          `iifname ${tunnel} ip saddr ${visitorIPv4} ip daddr ${server}`,
          counterOf("inner_in", servers, server),
        ),
        rule(
          `iifname != ${tunnel} ip saddr ${server} ip daddr ${visitorIPv4}`,
          counterOf("answer", servers, server),
        ),
      ]),
    ]),
    ...chain("postrouting", 300, [
      ...servers.map((server) =>
        rule(
          `oifname != ${tunnel} ip saddr ${visitorIPv4} ip daddr ${server}`,
          counterOf("to_server", servers, server),
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
export function readWitness(section: Section | undefined, site: Site): WitnessSeen {
  const counters = new Map(
    [
      ...required(section, "the counters on the router").matchAll(
        /counter packets (\d+) bytes \d+ comment "([^"]+)"/g,
      ),
    ].map(([, packets, name]) => [name, Number(packets)]),
  );
  const read = (name: string) => counters.get(name) ?? 0;
  const servers = serversOf(site);
  return {
    outer_in: read("outer_in"),
    options_in: read("options_in"),
    outer_out: read("outer_out"),
    servers: new Map(
      servers.map((server) => {
        const at = (hop: InnerHop) => read(counterOf(hop, servers, server));
        return [server, { inner_in: at("inner_in"), to_server: at("to_server"), answer: at("answer") }];
      }),
    ),
  };
}
