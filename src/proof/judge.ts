import type { Design } from "../hosts/design.js";
import { type Entrance, keyOf, usedEntrances } from "../hosts/entrances.js";
import { type Flow, overlap, showFlow } from "../inventory/forwards.js";
import { icmp, tcp } from "../inventory/protocols.js";
import type { Site } from "../inventory/site.js";
import type { AtHome, HomeWords } from "./at-home.js";
import { type Attempt, attempts, mustAnswer, mustArrive } from "./attempts.js";
import type { Connections } from "./connections.js";
import type { PathProof } from "./path-proof.js";
import { adviceFor } from "./provider.js";
import { readVisitor, type VisitorSeen, visitorProbe } from "./visitor.js";
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
  /** Whether the VPS's end is an address that ds4 gave it. */
  readonly ownLocal: boolean;
  /** What to say of whatever ends the tunnel at home. */
  readonly words: HomeWords;
};

/** The proof of a tunnel: a visitor on the VPS, and counters at its other end. */
export function tunnelProof(site: Site, design: Design, atHome: AtHome): PathProof {
  return {
    visitor: visitorProbe(design),
    counters: atHome,
    judge: (sections) => {
      const seen = {
        visitor: readVisitor(sections.visitor, site, design),
        witness: atHome.read(sections.counters),
        vendor: sections.vendor,
        ownLocal: design.ownLocal,
        words: atHome.words,
      };
      return {
        proofs: judgePath(site, design, seen),
        silent: attempts({ entrances: [design.entrances[0]] }).some(
          (attempt) => attempt.ping && !pinged(seen, attempt),
        ),
      };
    },
  };
}

/** Whether packets take the new way, both ways, in what form, and with whose addresses. */
export function judgePath(site: Site, design: Design, seen: PathSeen): readonly Proof[] {
  const { visitor } = seen;
  if (visitor.missing !== "") return [noVisitor(visitor.missing)];
  const all = attempts(design);
  const [full, small] = [visitor.full.size > 0, visitor.small.size > 0];
  const tried = all.find(mustAnswer) ?? all.find(mustArrive);
  const pings = all.some(({ ping }) => ping);
  return [
    judgeTunnel(site, seen, tried),
    {
      name: "full size",
      // A server that answers no ping at all says nothing about sizes.
      proved: full ? true : small ? false : undefined,
      seen: full
        ? `${design.mtu} bytes passed uncut, both ways`
        : small
          ? `a ping of ${design.mtu} bytes vanished, small ones did not`
          : pings
            ? "the server answers no ping"
            : "no ping is forwarded",
      ...(small && !full
        ? {
            hint: "the path to the home carries less than was measured: set 'tunnel: { mtu: 1280 }' in the inventory",
          }
        : {}),
    },
    ...all.flatMap((attempt) => judgeServer(site, design, seen, attempt)),
    ...judgeOthers(all, seen),
  ];
}

/** The proof that failed where there could be no visitor. */
export function noVisitor(why: string): Proof {
  return {
    name: "path",
    proved: false,
    seen: `no visitor could be made on the VPS: ${why}`,
    hint: "what the visitor needs comes with Debian's packages iproute2, iputils-ping, coreutils and bash, and the kernel's modules veth, sch_ingress, cls_u32 and act_mirred",
  };
}

/** Whether the tunnel carries packets, in what form and, where something has to answer, both ways. */
function judgeTunnel(site: Site, seen: PathSeen, tried: Attempt | undefined): Proof {
  const name = "tunnel";
  if (tried === undefined) {
    return { name, proved: undefined, seen: "nothing that is forwarded can be tried by ping, TCP or UDP" };
  }
  const { visitor, witness } = seen;
  const back = witness.outer_out > 0 && visitor.outer > 0;
  const passed = witness.outer_in > 0 && (back || !mustAnswer(tried));
  return {
    name,
    // Those with an option were counted before the change mended the tunnel: the others have none.
    proved: passed,
    seen: `outer protocol 4: ${witness.outer_in} packets reached the ${seen.words.name} and ${visitor.outer} the VPS${!passed && witness.options_in > 0 ? `, and ${witness.options_in} with a destination option` : ""}`,
    ...(passed ? {} : findBreak(site, seen, tried)),
  };
}

/** What answered of a server. */
function answersOf(seen: PathSeen, attempt: Attempt): readonly string[] {
  return [
    ...(pinged(seen, attempt) ? ["ping"] : []),
    ...connected(seen, attempt).map(({ port, answer }) => `TCP ${port} ${answer}`),
  ];
}

/** Whether a ping that goes to the server was answered. */
const pinged = ({ visitor }: Pick<PathSeen, "visitor">, { ping, entrance }: Attempt) =>
  ping && visitor.small.has(entrance.uplinkIPv4);

/** The server's ports that answered. */
const connected = ({ visitor }: PathSeen, { ports, entrance }: Attempt) =>
  visitor.tcp.filter(({ address, port }) => address === entrance.uplinkIPv4 && ports.includes(port));

/** The name of a server's proof, with as much as it takes to tell it from the others. */
export function nameOf(
  what: string,
  { entrances }: Pick<Design, "entrances">,
  entrance: Entrance,
  server: string,
): string {
  if (usedEntrances(entrances).length > 1) return `${what}, ${entrance.publicIPv4} -> ${server}`;
  return entrance.forwards.length > 1 ? `${what}, ${server}` : what;
}

/** Whether the visitor's packets arrived at a server, and were answered. */
function judgeServer(site: Site, design: Design, seen: PathSeen, attempt: Attempt): readonly Proof[] {
  const { entrance, forward } = attempt;
  const { server } = forward;
  const name = (what: string) => nameOf(what, design, entrance, server);
  if (!mustArrive(attempt)) {
    return [
      {
        name: name("arrival"),
        proved: undefined,
        seen: `nothing that goes to ${server} can be tried by ping, TCP or UDP`,
      },
    ];
  }
  const { visitor, witness } = seen;
  const passed = passedOf(seen, attempt);
  const way = `${entrance.visitor} -> ${entrance.publicIPv4}`;
  const answers = answersOf(seen, attempt);
  const answered = answers.length > 0;
  const trouble = findBreak(site, seen, attempt);
  const hops = `; packets at each hop: VPS to the tunnel ${passed.to}, ${seen.words.name}'s uplink ${witness.outer_in}, out of the tunnel ${passed.inner_in}, to the server ${passed.to_server}, its answers ${passed.answer}, back into the tunnel ${witness.outer_out}, VPS's uplink ${visitor.outer}, to the visitor ${passed.from}`;
  return [
    {
      name: name("arrival"),
      proved: passed.to_server > 0,
      seen:
        passed.to_server > 0
          ? `visitor ${way} arrived at ${server} from ${entrance.visitor}`
          : `visitor ${way} did not arrive at ${server}${hops}`,
      ...(passed.to_server > 0 ? {} : trouble),
    },
    mustAnswer(attempt)
      ? {
          name: name("answer"),
          proved: answered,
          seen: answered
            ? `${server} answered (${answers.join(", ")}), and the visitor got it from ${entrance.uplinkIPv4}`
            : `the visitor got no answer from ${entrance.publicIPv4}${passed.to_server > 0 ? hops : ""}`,
          ...(answered ? {} : trouble),
        }
      : {
          name: name("answer"),
          proved: undefined,
          seen: `UDP alone was sent to ${server}, and need not be answered`,
        },
  ];
}

/** What was chosen by name and of which no answer was seen, tried or not. */
function judgeOthers(all: readonly Attempt[], seen: PathSeen): readonly Proof[] {
  const several = new Set(all.map(({ entrance }) => entrance)).size > 1;
  const open = all.flatMap((attempt) => {
    const { entrance, forward } = attempt;
    const answered: readonly Flow[] = [
      ...(pinged(seen, attempt) ? [{ protocol: icmp }] : []),
      ...connected(seen, attempt).map(({ port }): Flow => ({ protocol: tcp, ports: [port, port] })),
    ];
    const of = several ? ` of ${entrance.publicIPv4}` : "";
    return forward.flows
      .filter((flow) => !answered.some((other) => overlap(other, flow)))
      .map((flow) => `${showFlow(flow)}${of} to ${forward.server}`);
  });
  return open.length === 0
    ? []
    : [
        {
          name: "other traffic",
          proved: undefined,
          seen: `set up, and no answer was seen: ${open.join(", ")}`,
        },
      ];
}

/** The packets at each hop that is a server's own. */
function passedOf({ visitor, witness }: PathSeen, { entrance, forward: { server } }: Attempt) {
  const none = { to: 0, from: 0, inner_in: 0, to_server: 0, answer: 0 };
  const way = keyOf({ visitor: entrance.visitor, server });
  return { ...none, ...visitor.servers.get(server), ...witness.ways.get(way) };
}

/** The first hop without packets, and what that means. */
function findBreak(site: Site, seen: PathSeen, attempt: Attempt): { readonly hint: string } {
  const { visitor, witness, vendor, words, ownLocal } = seen;
  const { ping, ports, forward } = attempt;
  const { server } = forward;
  const passed = passedOf(seen, attempt);
  // The VPS counts each server's packets, by whichever public IPv4 they came.
  const isOnly = site.forwards.filter((other) => other.server === server).length === 1;
  const notTaken = `it reached the ${words.name} and was not taken out of the tunnel: ${words.notTaken}`;
  const alsoBefore =
    "it was lost on the VPS, before the tunnel ('nft list ruleset' shows its firewalls); or ";
  const underlay = visitor.underlay
    ? "a ping over IPv6 between the same two addresses is answered"
    : "a ping over IPv6 between them is not answered either";
  const primary =
    ownLocal && !visitor.underlay
      ? "; where the provider gives the VPS single addresses and no prefix, 'vps: { endpoint: primary }' ends the tunnel at the one that it has"
      : "";
  const asked = [...(ping ? ["ping"] : []), ...(ports.length > 0 ? [`TCP ${ports.join(", ")}`] : [])].join(
    " or ",
  );
  const stops: readonly (readonly [passed: number, hint: string])[] = [
    [
      passed.to,
      "it was lost on the VPS, before the tunnel: some other firewall there drops it ('nft list ruleset' shows all of them)",
    ],
    [
      witness.outer_in,
      `it left the VPS and protocol 4 didn't reach the ${words.name}, while ${underlay}: most likely ${words.dropped}, or the VPS's provider does on the way out; ${adviceFor(vendor)}${primary}`,
    ],
    [passed.inner_in, isOnly ? notTaken : alsoBefore + notTaken],
    [passed.to_server, words.lost],
    [
      passed.answer,
      `${server} itself did not answer ${asked}: is it on, is that its address, and ${words.gateway}? Its own firewall may drop them all`,
    ],
    [
      witness.outer_out,
      `the answer did not go back into the tunnel: another rule of the ${words.name} routes what ${server} sends ('ip rule', 'ip route show table ${site.tunnel.table}')`,
    ],
    [
      visitor.outer,
      `the answer left the ${words.name}, and protocol 4 didn't reach the VPS: the VPS's provider drops it on the way in; ${adviceFor(vendor)}`,
    ],
    [passed.from, "the answer was lost on the VPS, behind the tunnel: some other firewall there drops it"],
  ];
  const stop = stops.find(([packets]) => packets === 0);
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
    ...(lost.length === 0
      ? {}
      : {
          hint: `look whether the ${host} has it again now: then the change took it away, and 'ds4 plan --script' shows all that it does`,
        }),
  };
}
