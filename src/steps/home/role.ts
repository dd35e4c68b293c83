import { homeHost } from "../../hosts/home/facts.js";
import type { HomeWorld } from "../../hosts/world.js";
import type { Role } from "../linux/role.js";
import { lastMetric, protocol } from "../linux/routes.js";
import { sourceless } from "../policy-rules.js";
import { elsewhere } from "./routes.js";
import { wantedHomeRules } from "./rules.js";

/** A rule of `ip rule` in the words of systemd.network(5). */
function networkdRule(priority: string, rule: string): string {
  const words = {
    from: "From",
    fwmark: "FirewallMark",
    oif: "OutgoingInterface",
    lookup: "Table",
    suppress_prefixlength: "SuppressPrefixLength",
  };
  const lines = Object.entries(words).flatMap(([word, name]) => {
    const value = new RegExp(`\\b${word} (\\S+)`).exec(rule)?.[1] ?? "all";
    return value === "all" ? [] : [`${name}=${value}`];
  });
  return `[RoutingPolicyRule]\nPriority=${priority}\n${lines.join("\n")}\n`;
}

export const homeRole: Role<HomeWorld> = {
  ...homeHost,
  facts: ({ home }) => home,
  end: ({ design }) => ({
    device: design.home.device,
    address: design.remote,
    own: design.home.ownRemote,
    peer: design.local,
    persist: design.home.persist,
  }),
  packages: ["iptables"],
  turnsTraffic: false,
  forwards: ({ design }) => design.home.behind.length > 0,
  byMark: ({ design }) => design.home.here.length > 0,
  networkd: (world) => {
    const { site } = world;
    const table = site.tunnel.table;
    const route = (target: string, type: string, metric: readonly string[]) =>
      `[Route]\nDestination=${target}\nType=${type}\n${metric.join("")}Table=${table}\nProtocol=${protocol}\n`;
    return [
      ...[...wantedHomeRules(world)].flatMap(([priority, { rule }]) =>
        String(rule).startsWith(sourceless) ? [] : [networkdRule(priority, String(rule))],
      ),
      route("0.0.0.0/0", "unreachable", [`Metric=${lastMetric}\n`]),
      ...elsewhere.map((range) => route(range, "throw", [])),
    ];
  },
};
