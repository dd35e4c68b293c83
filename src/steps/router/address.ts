import { quote } from "../../core/script.js";
import type { State } from "../../core/state.js";
import { valuesOf } from "../../hosts/router/uci.js";
import type { RouterStep } from "./step.js";

/**
 * The tunnel's end as the kernel has it: an address of the delegated prefix, which is routed to the router anyway.
 * Deprecated, so that the router never sends anything else from it: the kernel looks at `lo` first and, once the prefix
 * has changed, a source that no default route is for would leave the router without IPv6.
 */
export const address: RouterStep = {
  name: "address",
  layer: "live",
  desired: ({ design }) => new Map([[`${design.remote}/128`, { device: "lo", deprecated: true }]]),
  // Of lo alone: an address that was named may be the uplink's, too.
  probe: () => "ip -6 addr show dev lo",
  parse: (section, { owned, network }) => {
    const endpoint = network.find(({ name }) => name === "ds4_endpoint");
    const ours = [
      ...(owned?.tunnel === undefined ? [] : [`${owned.tunnel.local}/128`]),
      ...(endpoint === undefined ? [] : valuesOf(endpoint, "ip6addr")),
    ];
    const items = new Map<string, State>();
    for (const [, found = "", flags = ""] of section.stdout.matchAll(/^\s+inet6 (\S+)(.*)/gm)) {
      if (ours.includes(found)) items.set(found, { device: "lo", deprecated: / deprecated\b/.test(flags) });
    }
    return items;
  },
  render: (changes, context) => {
    for (const { id, from, to } of changes) {
      if (to === undefined && from !== undefined) {
        context.finally(`ip -6 addr del ${quote(id)} dev ${quote(String(from.device))} 2>/dev/null || :`);
      }
    }
    return changes.flatMap(({ id, to }) => [
      context.mark(id),
      ...(to === undefined
        ? []
        : context.make(id, [
            `ip -6 addr replace ${quote(id)} dev lo valid_lft forever preferred_lft ${to.deprecated ? 0 : "forever"}`,
          ])),
    ]);
  },
};
