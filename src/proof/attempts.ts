import type { Design } from "../hosts/design.js";
import type { Entrance } from "../hosts/entrances.js";
import { type Flow, type Forward, isAmongAll, overlap } from "../inventory/forwards.js";
import { icmp, tcp, udp } from "../inventory/protocols.js";

/** What a visitor can try of a server: only what is forwarded to it, as the VPS itself would answer the rest. */
export type Attempt = {
  readonly entrance: Entrance;
  readonly forward: Forward;
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

/** What is to be tried of each server by each public IPv4, in the inventory's order. */
export function attempts({ entrances }: Pick<Design, "entrances">): readonly Attempt[] {
  return entrances.flatMap(attemptsAt);
}

function attemptsAt(entrance: Entrance): readonly Attempt[] {
  const { forwards, keepPorts } = entrance;
  return forwards.map((forward) => {
    const goesThere = (flow: Flow) =>
      forward.flows.some((own) => overlap(own, flow)) ||
      (isAmongAll(forward, flow) &&
        !forwards.some(({ flows }) => flows.some((other) => overlap(other, flow))));
    const usual = usualPorts.filter((port) => !keepPorts.includes(port) && goesThere(portOf(port)));
    const chosen = (wanted: number) =>
      forward.flows.flatMap(({ protocol, ports }) =>
        protocol === wanted && ports !== undefined ? [ports[0]] : [],
      );
    return {
      entrance,
      forward,
      ping: goesThere({ protocol: icmp }),
      ports: [...new Set([...usual, ...chosen(tcp)])].slice(0, most),
      udpPorts: chosen(udp).slice(0, most),
    };
  });
}
