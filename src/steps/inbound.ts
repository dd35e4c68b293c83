import { suffixOf } from "../hosts/design.js";
import type { World } from "../hosts/world.js";
import { type PortRange, portsAtServer } from "../inventory/forwards.js";
import { protocolWord } from "../inventory/protocols.js";
import { serversOf } from "../inventory/site.js";

/** What may come out of the tunnel to a server, in one rule of the firewall. */
export type Inbound = {
  /** The rule's name, and its section's. */
  readonly name: string;
  readonly server: string;
  /** Absent: any. */
  readonly protocol?: number;
  /** At the server, in order and apart from each other; absent: all. */
  readonly ports?: readonly PortRange[];
};

/** A rule for each server that gets all, and one for each protocol of the others. */
export function inboundRules({ site, design }: Pick<World, "site" | "design">): readonly Inbound[] {
  return serversOf(site).flatMap((server): Inbound[] => {
    const entries = site.forwards.filter((forward) => forward.server === server);
    const name = `ds4_in${suffixOf(design, server)}`;
    if (entries.some(({ all }) => all !== undefined)) return [{ name, server }];
    const flows = entries.flatMap((entry) => entry.flows);
    const protocols = [...new Set(flows.map(({ protocol }) => protocol))].sort((a, b) => a - b);
    return protocols.map((protocol) => {
      const ranges = flows.filter((flow) => flow.protocol === protocol).map(portsAtServer);
      const ports = ranges.filter((range) => range !== undefined);
      return {
        name: `${name}_${protocolWord(protocol)}`,
        server,
        protocol,
        // One public IPv4 may take all of a protocol there, and another one some ports of it.
        ...(ports.length < ranges.length ? {} : { ports: join(ports) }),
      };
    });
  });
}

/** The same ports in ranges that neither overlap nor touch, as nft lists them. */
function join(ranges: readonly PortRange[]): readonly PortRange[] {
  const joined: PortRange[] = [];
  for (const [first, last] of [...ranges].sort((a, b) => a[0] - b[0])) {
    const before = joined.at(-1);
    if (before !== undefined && first <= before[1] + 1)
      joined[joined.length - 1] = [before[0], Math.max(before[1], last)];
    else joined.push([first, last]);
  }
  return joined;
}
