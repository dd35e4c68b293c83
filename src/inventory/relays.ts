import type { CrossProblem } from "./cross-field.js";
import { type Forward, type Item, showFlow, sizeOf } from "./forwards.js";
import { protocolName } from "./protocols.js";

/** A port that a program on the VPS passes on. */
export type Relay = {
  readonly protocol: "tcp" | "udp";
  /** Of the public IPv4. */
  readonly port: number;
  /** An IPv6 address, or a name. */
  readonly server: string;
  readonly to: number;
};

/** Each is a program of its own. */
const maxRelays = 64;

export const relayExample = "forward: [{ server: 2001:db8:100::210, traffic: [tcp/443] }]";

/** One relay for each port, in the inventory's order. */
export function relaysOf(forwards: readonly Forward[]): readonly Relay[] {
  return forwards.flatMap(({ server, flows }) =>
    flows.flatMap(({ protocol, ports, to }) =>
      ports === undefined
        ? []
        : Array.from({ length: sizeOf(ports) }, (_, at) => ({
            protocol: protocolName(protocol) as Relay["protocol"],
            port: ports[0] + at,
            server,
            to: (to ?? ports[0]) + at,
          })),
    ),
  );
}

/** What a relay can't do of what the inventory asks for; `server` is what stands behind that key. */
export function relayProblems(items: readonly Item[], server: unknown): readonly CrossProblem[] {
  const portless = items.flatMap(({ path, text, traffic }) => {
    const [first] = traffic.flows.filter(({ ports }) => ports === undefined);
    if (traffic.all === undefined && first === undefined) return [];
    const what = traffic.all === undefined && first !== undefined ? showFlow(first) : "all";
    return [
      {
        path,
        message: `${JSON.stringify(text)} is no port, and a relay passes on ports of TCP and UDP alone`,
        hint: /^(tcp|udp)$/.test(what)
          ? `Write which ports: ${what}/443, for example.`
          : `Name the ports, such as tcp/443 or udp/51820. For ${what}, it takes \`mode: tunnel\`.`,
      },
    ];
  });
  let count = 0;
  const many = items.flatMap(({ path, text, traffic }) => {
    const before = count;
    for (const { ports } of traffic.flows) count += ports === undefined ? 0 : sizeOf(ports);
    return before <= maxRelays && count > maxRelays
      ? [
          {
            path,
            message: `with ${JSON.stringify(text)} it is ${count} ports, and a relay has ${maxRelays} at most`,
            hint: "Each port is a program of its own on the VPS. Name fewer, or use `mode: tunnel`, which takes any number.",
          },
        ]
      : [];
  });
  return [
    ...(server === undefined
      ? []
      : [
          {
            path: ["server"],
            message: "says that all goes to one IPv4 address, and a relay passes on chosen ports by IPv6",
            hint: `Write instead \`${relayExample}\`, with the server's IPv6 address or its name.`,
          },
        ]),
    ...portless,
    ...many,
  ];
}
