import { type Flow, type Forward, showPorts } from "../../inventory/forwards.js";
import { protocolWord } from "../../inventory/protocols.js";

/**
 * The DNAT rules for what goes home, in the order in which they have to stand: what is chosen, what is excepted, all.
 * `match` is what all of it has in common.
 */
export function turnOver(forwards: readonly Forward[], match: string): readonly string[] {
  const chosen = forwards.flatMap(({ server, flows }) =>
    flows.map((flow) => `${match} ${matchOf(flow)} -j DNAT --to-destination ${destination(server, flow)}`),
  );
  const rest = forwards.flatMap(({ server, all }) =>
    all === undefined
      ? []
      : [
          // The comment tells it from SSH's port, which the next run keeps.
          ...all.except.map((flow) => `${match} ${matchOf(flow)} -m comment --comment except -j RETURN`),
          `${match} -j DNAT --to-destination ${server}`,
        ],
  );
  return [...chosen, ...rest];
}

/** What of iptables' conditions a flow comes to. */
export function matchOf({ protocol, ports }: Flow): string {
  const word = protocolWord(protocol);
  return `-p ${word}${ports === undefined ? "" : ` -m ${word} --dport ${showPorts(ports).replace("-", ":")}`}`;
}

function destination(server: string, { ports, to }: Flow): string {
  if (ports === undefined || to === undefined) return server;
  const [first, last] = ports;
  // The last number is where to count from: without it, the kernel picks any port of the range.
  return first === last ? `${server}:${to}` : `${server}:${to}-${to + last - first}/${first}`;
}
