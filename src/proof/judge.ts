import type { Design } from "../hosts/design.js";
import type { Site } from "../inventory/site.js";
import type { Connections } from "./connections.js";
import { adviceFor } from "./provider.js";
import { type VisitorSeen, visitorIPv4 } from "./visitor.js";
import type { WitnessSeen } from "./witness.js";

/** One thing that was to be shown. `proved` is undefined where it could not be tried, which `seen` then explains. */
export type Proof = {
  readonly name: string;
  readonly proved: boolean | undefined;
  /** What was seen. */
  readonly seen: string;
  /** For one that failed: the most likely cause and what to do. */
  readonly hint?: string;
};

/** All that was seen of the new way. */
export type PathSeen = {
  readonly visitor: VisitorSeen;
  readonly witness: WitnessSeen;
  /** The VPS's vendor, as its firmware names it. */
  readonly vendor: string;
};

/** Whether packets take the new way, both ways, in what form, and with whose addresses. */
export function judgePath(site: Site, design: Design, seen: PathSeen): readonly Proof[] {
  const { visitor, witness } = seen;
  const way = `${visitorIPv4} -> ${design.publicIPv4}`;
  if (visitor.missing !== "") {
    return [
      {
        name: "path",
        proved: false,
        seen: `no visitor could be made on the VPS: ${visitor.missing}`,
        hint: "what the visitor needs comes with Debian's packages iproute2, iputils-ping, coreutils and bash, and the kernel's modules veth, sch_ingress, cls_u32 and act_mirred",
      },
    ];
  }
  const answered = visitor.small || visitor.tcp.length > 0;
  const kinds = [
    ...(visitor.small ? ["ping"] : []),
    ...visitor.tcp.map(({ port, answer }) => `TCP ${port} ${answer}`),
  ].join(", ");
  const both = witness.outer_in > 0 && witness.outer_out > 0 && visitor.outer > 0;
  const trouble = findBreak(site, design, seen);
  const hops = `; packets at each hop: VPS to the tunnel ${visitor.toServer}, router's uplink ${witness.outer_in}, out of the tunnel ${witness.inner_in}, to the server ${witness.to_server}, its answers ${witness.answer}, back into the tunnel ${witness.outer_out}, VPS's uplink ${visitor.outer}, to the visitor ${visitor.fromServer}`;
  return [
    {
      name: "tunnel",
      proved: both && witness.options_in === 0,
      seen: `outer protocol 4: ${witness.outer_in} packets reached the router and ${visitor.outer} the VPS${witness.options_in > 0 ? `, and ${witness.options_in} with a destination option` : ""}`,
      ...(both ? {} : trouble),
    },
    {
      name: "full size",
      // A server that answers no ping at all says nothing about sizes.
      proved: visitor.full ? true : visitor.small ? false : undefined,
      seen: visitor.full
        ? `${design.mtu} bytes passed uncut, both ways`
        : visitor.small
          ? `a ping of ${design.mtu} bytes vanished, small ones did not`
          : "the server answers no ping",
      ...(visitor.small && !visitor.full
        ? {
            hint: "the path to the home carries less than was measured: set 'tunnel: { mtu: 1280 }' in the inventory",
          }
        : {}),
    },
    {
      name: "arrival",
      proved: witness.to_server > 0,
      seen:
        witness.to_server > 0
          ? `visitor ${way} arrived at ${site.server} from ${visitorIPv4}`
          : `visitor ${way} did not arrive at ${site.server}${hops}`,
      ...(witness.to_server > 0 ? {} : trouble),
    },
    {
      name: "answer",
      proved: answered,
      seen: answered
        ? `${site.server} answered (${kinds}), and the visitor got it from ${design.uplinkIPv4}`
        : `the visitor got no answer from ${design.publicIPv4}${witness.to_server > 0 ? hops : ""}`,
      ...(answered ? {} : trouble),
    },
  ];
}

/** The first hop without packets, and what that means. */
function findBreak(
  site: Site,
  design: Design,
  { visitor, witness, vendor }: PathSeen,
): { readonly hint: string } {
  const underlay = visitor.underlay
    ? "a ping over IPv6 between the same two addresses is answered"
    : "a ping over IPv6 between them is not answered either";
  const stops: readonly (readonly [passed: number, hint: string])[] = [
    [
      visitor.toServer,
      "it was lost on the VPS, before the tunnel: some other firewall there drops it ('nft list ruleset' shows all of them)",
    ],
    [
      witness.outer_in,
      `it left the VPS and protocol 4 didn't reach the router, while ${underlay}: most likely a firewall on the home side drops it (a provider's modem in front of the router), or the VPS's provider does on the way out; ${adviceFor(vendor)}`,
    ],
    [
      witness.inner_in,
      `it reached the router and was not taken out of the tunnel: 'ip -6 tunnel show' and 'nft list chain inet fw4 input_${design.wanZone}' on the router show why`,
    ],
    [
      witness.to_server,
      "it was lost in the router's firewall: another rule there, or another table ('nft list ruleset'), drops what comes out of the tunnel",
    ],
    [
      witness.answer,
      `${site.server} itself did not answer ping or TCP 443, 80 and 22: is it on, is that its address, and is the router its gateway? Its own firewall may drop them all`,
    ],
    [
      witness.outer_out,
      `the answer did not go back into the tunnel: another rule of the router routes what ${site.server} sends ('ip rule', 'ip route show table ${site.tunnel.table}')`,
    ],
    [
      visitor.outer,
      `the answer left the router, and protocol 4 didn't reach the VPS: the VPS's provider drops it on the way in; ${adviceFor(vendor)}`,
    ],
    [
      visitor.fromServer,
      "the answer was lost on the VPS, behind the tunnel: some other firewall there drops it",
    ],
  ];
  const stop = stops.find(([passed]) => passed === 0);
  return { hint: stop?.[1] ?? "every hop saw packets, so some of them get lost: try again" };
}

/** What the hosts have lost of their own: each thing that was seen before has to be seen again. */
export function judgeConnections(
  host: string,
  before: Connections,
  after: Connections,
  excused: (name: string) => boolean = () => false,
): Proof {
  const differs = [...before].filter(([name, value]) => after.get(name) !== value);
  const lost = differs.filter(([name]) => !excused(name));
  const untold = differs.flatMap(([name]) => (excused(name) ? [name] : []));
  return {
    name: `${host}'s own connections`,
    proved: before.size === 0 ? undefined : lost.length === 0,
    seen:
      before.size === 0
        ? `nothing answered the ${host} before the change, so nothing could be compared`
        : lost.length === 0
          ? `as before: ${[...before.keys()].filter((name) => !untold.includes(name)).join(", ")}${untold.length === 0 ? "" : `; not to be told: ${untold.join(", ")}`}`
          : lost
              .map(([name, value]) => `${name}: before '${value}', now '${after.get(name) ?? "no answer"}'`)
              .join("; "),
    ...(lost.length === 0 ? {} : { hint: "what differs would have been taken away by this change" }),
  };
}
