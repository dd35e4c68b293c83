import { type Design, entranceOf } from "../hosts/design.js";
import { type Flow, isAmongAll, overlap } from "../inventory/forwards.js";
import { icmp, tcp, udp } from "../inventory/protocols.js";
import type { Site } from "../inventory/site.js";

/** What a visitor can try of a server: only what is forwarded to it, as the VPS itself would answer the rest. */
export type Attempt = {
  readonly server: string;
  /** The public IPv4 that leads there, and the VPS's address that it comes to. */
  readonly publicIPv4: string;
  readonly uplinkIPv4: string;
  readonly ping: boolean;
  /** TCP ports of the public IPv4. */
  readonly ports: readonly number[];
  /** UDP ports of it, where something can be sent and nothing has to come back. */
  readonly udpPorts: readonly number[];
};

/** Whether something of the server has to answer. */
export const mustAnswer = ({ ping, ports }: Attempt) => ping || ports.length > 0;

/** Whether something has to arrive there. */
export const mustArrive = (attempt: Attempt) => mustAnswer(attempt) || attempt.udpPorts.length > 0;

/** TCP ports that a home server is likely to have, or to refuse: either is an answer. */
const usualPorts = [443, 80, 22];

/** So many of each are tried of a server. */
const most = 8;

const portOf = (port: number): Flow => ({ protocol: tcp, ports: [port, port] });

/** What is to be tried of each server, in the inventory's order. */
export function attempts(
  site: Pick<Site, "forwards">,
  design: Pick<Design, "keepPorts" | "entrances">,
): readonly Attempt[] {
  return site.forwards.map((forward) => {
    const { uplinkIPv4, publicIPv4, forwards } = entranceOf(design, forward.server);
    const goesThere = (flow: Flow) =>
      forward.flows.some((own) => overlap(own, flow)) ||
      (isAmongAll(forward, flow) &&
        !forwards.some(({ flows }) => flows.some((other) => overlap(other, flow))));
    const usual = usualPorts.filter((port) => !design.keepPorts.includes(port) && goesThere(portOf(port)));
    const chosen = (wanted: number) =>
      forward.flows.flatMap(({ protocol, ports }) =>
        protocol === wanted && ports !== undefined ? [ports[0]] : [],
      );
    return {
      server: forward.server,
      uplinkIPv4,
      publicIPv4,
      ping: goesThere({ protocol: icmp }),
      ports: [...new Set([...usual, ...chosen(tcp)])].slice(0, most),
      udpPorts: chosen(udp).slice(0, most),
    };
  });
}
