import { rulePriorities } from "../../hosts/earlier-rules.js";
import { homeHost } from "../../hosts/home/facts.js";
import type { HomeWorld } from "../../hosts/world.js";
import type { Role } from "../linux/role.js";
import { lastMetric, protocol } from "../linux/routes.js";
import { privateRanges } from "./routes.js";

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
  networkd: ({ site, design }) => {
    const table = site.tunnel.table;
    const route = (target: string, type: string, metric: readonly string[]) =>
      `[Route]\nDestination=${target}\nType=${type}\n${metric.join("")}Table=${table}\nProtocol=${protocol}\n`;
    return [
      ...[...design.slots].flatMap(([server, slot]) => {
        const priorities = rulePriorities(slot);
        return [
          `[RoutingPolicyRule]\nFrom=${server}/32\nPriority=${priorities.main}\nTable=main\nSuppressPrefixLength=0\n`,
          `[RoutingPolicyRule]\nFrom=${server}/32\nPriority=${priorities.table}\nTable=${table}\n`,
        ];
      }),
      route("0.0.0.0/0", "unreachable", [`Metric=${lastMetric}\n`]),
      ...privateRanges.map((range) => route(range, "throw", [])),
    ];
  },
};
