import { quote, required, type Section } from "../core/script.js";
import { type Entrance, usedEntrances } from "../hosts/entrances.js";
import { type RelayAt, type RelayDesign, targetOf, unitName } from "../hosts/relay-design.js";
import type { Relay } from "../inventory/relays.js";
import { nameOf, noVisitor, type Proof } from "./judge.js";
import type { PathProof } from "./path-proof.js";
import { inside, visitorWith, whyMissing } from "./visitor.js";

/** So many relays of each server and protocol are tried, at each public IPv4. */
const most = 8;

/** Four letters, by which the visitor's datagrams to one relay are known again behind it. */
const wordOf = (at: number) => `d4${at.toString(16).padStart(2, "0")}`;

/** Priority of the first counter on the uplink; each datagram's has its own. */
const preference = 4205;

/**
 * The proof of a relay: a visitor on the VPS. That socat takes a connection says nothing of the home; what counts is
 * that the very process that serves the visitor has a connection to the home server that was answered. A refusal
 * counts as nothing: the firewall of a router refuses in the server's name. Of UDP, which need not be answered,
 * it is that the visitor's datagram leaves for the server.
 */
export function relayProof(design: RelayDesign): PathProof {
  const tried = triedOf(design);
  return {
    visitor: visitorWith(design, visit(design, tried), removeCounters(design, tried)),
    // A ping isn't relayed: the VPS answers it, or doesn't.
    judge: ({ visitor }) => ({ proofs: judge(design, tried, readVisit(visitor)), silent: true }),
  };
}

/** What is tried of a server at a public IPv4. */
type Tried = {
  readonly entrance: Entrance;
  readonly server: string;
  readonly tcp: readonly RelayAt[];
  readonly udp: readonly RelayAt[];
};

function triedOf({ entrances, relays }: RelayDesign): readonly Tried[] {
  return usedEntrances(entrances).flatMap((entrance) =>
    entrance.forwards.map(({ server }) => {
      const some = (protocol: Relay["protocol"]) =>
        relays
          .filter(
            (relay) =>
              relay.uplinkIPv4 === entrance.uplinkIPv4 &&
              relay.server === server &&
              relay.protocol === protocol,
          )
          .slice(0, most);
      return { entrance, server, tcp: some("tcp"), udp: some("udp") };
    }),
  );
}

/** The relays for datagrams, each with the word that its own says. */
const datagramsOf = (tried: readonly Tried[]) =>
  tried.flatMap(({ udp }) => udp).map((relay, at) => ({ relay, word: wordOf(at) }));

function removeCounters({ uplink6 }: RelayDesign, tried: readonly Tried[]): string {
  const up6 = quote(uplink6);
  return [
    "",
    ...datagramsOf(tried).map(
      (_, at) => `tc filter del dev ${up6} egress pref ${preference + at} 2>/dev/null`,
    ),
    `[ "\${made6:-no}" = no ] || tc qdisc del dev ${up6} clsact`,
  ].join("\n  ");
}

/** The visitor's work. Each line that it prints is one thing seen: see `readVisit`. */
function visit(design: RelayDesign, tried: readonly Tried[]): string {
  const up6 = quote(design.uplink6);
  const tcp = tried.flatMap((one) => one.tcp);
  const datagrams = datagramsOf(tried);
  const counters = datagrams.map(({ relay, word }, at) => {
    const hex = Buffer.from(word).toString("hex");
    const to = relay.server.includes(":") ? `match ip6 dst ${relay.server}/128 ` : "";
    return `tc filter add dev ${up6} egress pref ${preference + at} protocol ipv6 u32 ${to}match ip6 protocol 17 0xff match ip6 dport ${relay.to} 0xffff match u32 0x${hex} 0xffffffff at 48 action continue`;
  });
  return [
    `tc qdisc add dev ${up6} clsact 2>/dev/null && made6=yes`,
    ...counters,
    // What the server itself says, without a relay in between.
    ...tcp.map(
      (relay) =>
        `{ said=$(timeout 7 socat -u OPEN:/dev/null TCP6:${quote(targetOf(relay))},connect-timeout=5 2>&1) && said=open; [ -n "$said" ] || said="no answer"; echo "direct ${placeOf(relay)} \${said##*: }"; } &`,
    ),
    ...tcp.map(
      (relay) => `${inside} timeout 9 bash -c 'exec 3<>/dev/tcp/${relay.uplinkIPv4}/${relay.port} || exit
echo "accepted ${placeOf(relay)}"; IFS= read -r -t 6 -n 1 <&3 && echo "data ${placeOf(relay)}"; sleep 2' 2>/dev/null &`,
    ),
    ...datagrams.map(
      ({ relay, word }) =>
        `{ for n in 1 2 3; do ${inside} bash -c 'printf %s "${word}" >/dev/udp/${relay.uplinkIPv4}/${relay.port}' 2>/dev/null; sleep 1; done; } &`,
    ),
    ...(tcp.length === 0
      ? []
      : [
          // Each process with its socket to the visitor and its other one, if that is more than asked for.
          `{ for n in 1 2 3 4 5 6 7 8; do sleep 0.7; ss -Htnp | awk -v visitors=${quote(
            ` ${usedEntrances(design.entrances)
              .map(({ visitor }) => visitor)
              .join(" ")} `,
          )} '
  $1 == "SYN-SENT" || !match($0, /pid=[0-9]+/) { next }
  { pid = substr($0, RSTART, RLENGTH) }
  { from = $5; sub(/:[0-9]+$/, "", from) }
  index(visitors, " " from " ") { near[pid] = $4; next }
  $5 ~ /^\\[/ { far[pid] = $5 }
  END { for (pid in near) if (pid in far) print "relayed " near[pid] " " far[pid] }'; done; } &`,
        ]),
    "wait",
    ...datagrams.map(
      ({ relay }, at) =>
        `echo "sent ${placeOf(relay)} $(tc -s filter show dev ${up6} egress pref ${preference + at} | sed -n 's/.*Sent [0-9]* bytes \\([0-9]*\\) p.*/\\1/p' | head -n 1)"`,
    ),
  ].join("\n");
}

/** Where a relay listens. */
const placeOf = ({ uplinkIPv4, port }: RelayAt) => `${uplinkIPv4}:${port}`;

/** What was seen of each place. */
type Seen = {
  readonly missing: string;
  /** Those at which the VPS took the visitor's TCP connection. */
  readonly accepted: ReadonlySet<string>;
  /** Those by which the visitor got something to read. */
  readonly data: ReadonlySet<string>;
  /** What the server said to a connection of the VPS's own: `open`, or an error. */
  readonly direct: ReadonlyMap<string, string>;
  /** The far ends of the processes that served the visitor. */
  readonly relayed: ReadonlyMap<string, string>;
  /** Datagrams of the visitor's that left for the server. */
  readonly sent: ReadonlyMap<string, number>;
};

/** @throws HostError where the part can't be read. */
function readVisit(section: Section | undefined): Seen {
  const text = required(section, "the visitor on the VPS");
  const found = (pattern: RegExp) => [...text.matchAll(pattern)];
  return {
    missing: whyMissing(text),
    accepted: new Set(found(/^accepted (\S+)$/gm).map(([, place = ""]) => place)),
    data: new Set(found(/^data (\S+)$/gm).map(([, place = ""]) => place)),
    direct: new Map(found(/^direct (\S+) (.*)$/gm).map(([, place = "", said = ""]) => [place, said])),
    relayed: new Map(found(/^relayed (\S+) (\S+)$/gm).map(([, place = "", far = ""]) => [place, far])),
    sent: new Map(found(/^sent (\S+) (\d+)$/gm).map(([, place = "", count]) => [place, Number(count)])),
  };
}

function judge(design: RelayDesign, tried: readonly Tried[], seen: Seen): readonly Proof[] {
  if (seen.missing !== "") return [noVisitor(seen.missing)];
  const isHome = (relay: RelayAt) => seen.relayed.has(placeOf(relay)) || seen.data.has(placeOf(relay));
  const proofs = tried.flatMap(({ entrance, server, tcp, udp }): readonly Proof[] => {
    const name = (what: string) => nameOf(what, design, entrance, server);
    const home = tcp.filter(isHome);
    const first = tcp[0];
    const lost = udp.find((relay) => !((seen.sent.get(placeOf(relay)) ?? 0) > 0));
    return [
      ...(first === undefined
        ? []
        : [
            home.length > 0
              ? {
                  name: name("answer"),
                  proved: true,
                  seen: `visitor ${entrance.visitor} -> ${entrance.publicIPv4} got through to ${server}, which answered: ${home.map((relay) => wayOf(relay, seen)).join(", ")}`,
                }
              : { name: name("answer"), proved: false, ...failure(first, seen) },
          ]),
      ...(udp.length === 0
        ? []
        : [
            lost === undefined
              ? {
                  name: name("datagrams"),
                  proved: true,
                  seen: `the visitor's left the VPS for ${server}: ${udp.map(({ id }) => id).join(", ")}; no answer is needed`,
                }
              : {
                  name: name("datagrams"),
                  proved: false,
                  seen: `the visitor's to ${lost.id} did not leave the VPS for ${targetOf(lost)}`,
                  hint: `'journalctl -u ${unitName(lost.id)}' on the VPS shows why; a name needs an IPv6 address`,
                },
          ]),
    ];
  });
  const open = design.relays.filter((relay) =>
    relay.protocol === "tcp" ? !isHome(relay) : !tried.some(({ udp }) => udp.includes(relay)),
  );
  return open.length === 0
    ? proofs
    : [
        ...proofs,
        {
          name: "other ports",
          proved: undefined,
          seen: `set up, and not seen to be answered: ${open
            .map((relay) => {
              const said = seen.direct.get(placeOf(relay));
              return `${relay.id} to ${targetOf(relay)}${said === undefined || said === "open" ? "" : ` (${said})`}`;
            })
            .join(", ")}`,
        },
      ];
}

/** `tcp/443 to [2001:db8::1]:443`. */
const wayOf = (relay: RelayAt, { relayed }: Seen) =>
  `${relay.id} to ${relayed.get(placeOf(relay)) ?? targetOf(relay)}`;

/** Where a connection got lost that nobody at home answered. */
function failure(relay: RelayAt, seen: Seen): { readonly seen: string; readonly hint: string } {
  const { id, publicIPv4 } = relay;
  const target = targetOf(relay);
  const direct = seen.direct.get(placeOf(relay)) ?? "no answer";
  const router = `does the home's router let ${relay.protocol.toUpperCase()} ${relay.to} to it in by IPv6 (OpenWrt: Network > Firewall > Traffic Rules)?`;
  if (/not known|no address|name resolution/i.test(direct)) {
    return {
      seen: `the VPS finds no IPv6 address for ${relay.server} (${direct})`,
      hint: `check the name with 'getent ahostsv6 ${relay.server}' on the VPS, or write the server's address`,
    };
  }
  if (/refused/i.test(direct)) {
    return {
      seen: `${target} refuses the VPS's connections, so ${publicIPv4}:${relay.port} leads nowhere`,
      hint: `does a service of ${relay.server} listen there by IPv6? And ${router} A firewall refuses in the server's name`,
    };
  }
  if (direct !== "open") {
    return {
      seen: `${target} doesn't answer the VPS (${direct}), so ${publicIPv4}:${relay.port} leads nowhere`,
      hint: `is ${relay.server} on, and is that its address? And ${router}`,
    };
  }
  return seen.accepted.has(placeOf(relay))
    ? {
        seen: `the VPS took the visitor's connection to ${id}, and made none to ${target} for it, which answers the VPS`,
        hint: `'journalctl -u ${unitName(id)}' on the VPS shows why`,
      }
    : {
        seen: `the visitor got no connection to ${publicIPv4}:${relay.port} on the VPS`,
        hint: `'systemctl status ${unitName(id)}' on the VPS shows whether it listens, 'nft list ruleset' which other firewall drops it`,
      };
}
