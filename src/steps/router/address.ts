import { quote } from "../../core/script.js";
import type { State } from "../../core/state.js";
import { valuesOf } from "../../hosts/router/uci.js";
import type { RouterStep } from "./step.js";

/** The tunnel's end as the kernel has it: an address of the delegated prefix, which is routed to the router anyway. */
export const address: RouterStep = {
  name: "address",
  layer: "live",
  desired: ({ design }) => new Map([[`${design.remote}/128`, { device: "lo" }]]),
  probe: () => "ip -6 addr show",
  parse: (section, { owned, network }) => {
    const endpoint = network.find(({ name }) => name === "ds4_endpoint");
    const ours = [
      ...(owned?.tunnel === undefined ? [] : [`${owned.tunnel.local}/128`]),
      ...(endpoint === undefined ? [] : valuesOf(endpoint, "ip6addr")),
    ];
    const items = new Map<string, State>();
    let device = "";
    for (const line of section.stdout.split("\n")) {
      device = /^\d+: ([^:@]+)/.exec(line)?.[1] ?? device;
      const found = /^\s+inet6 (\S+)/.exec(line)?.[1];
      if (found !== undefined && ours.includes(found)) items.set(found, { device });
    }
    return items;
  },
  render: (changes, context) => {
    for (const { id, from, to } of changes) {
      if (to === undefined && from !== undefined) {
        context.finally(`ip -6 addr del ${quote(id)} dev ${quote(String(from.device))} 2>/dev/null || :`);
      }
    }
    return changes.flatMap(({ id, from, to }) => [
      context.mark(id),
      ...(to === undefined
        ? []
        : [
            ...(from === undefined
              ? []
              : [`ip -6 addr del ${quote(id)} dev ${quote(String(from.device))} 2>/dev/null || :`]),
            `ip -6 addr show dev lo | grep -q ${quote(`inet6 ${id} `)} || ip -6 addr add ${quote(id)} dev lo`,
          ]),
    ]);
  },
};
