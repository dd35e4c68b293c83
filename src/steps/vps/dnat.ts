import type { Flow, Forward } from "../../inventory/forwards.js";
import { turns } from "../forward-order.js";
import { matchOf } from "../linux/flow-match.js";

/** The DNAT rules for what goes home, in their order. `match` is what all of it has in common. */
export function dnatRules(forwards: readonly Forward[], match: string): readonly string[] {
  return turns(forwards).map(({ flow, server }) => {
    const matched = flow === undefined ? match : `${match} ${matchOf(flow)}`;
    return server === undefined
      ? // The comment tells it from SSH's port, which the next run keeps.
        `${matched} -m comment --comment except -j RETURN`
      : `${matched} -j DNAT --to-destination ${flow === undefined ? server : destination(server, flow)}`;
  });
}

function destination(server: string, { ports, to }: Flow): string {
  if (ports === undefined || to === undefined) return server;
  const [first, last] = ports;
  // The last number is where to count from: without it, the kernel picks any port of the range.
  return first === last ? `${server}:${to}` : `${server}:${to}-${to + last - first}/${first}`;
}
