import { quote, required, type Section } from "../core/script.js";
import type { RelayDesign } from "../hosts/relay-design.js";
import type { Relay } from "../inventory/relays.js";
import { type Site, serversOf } from "../inventory/site.js";
import { relayId, targetOf, unitName } from "../steps/vps/relay/unit-file.js";
import { noVisitor, type Proof } from "./judge.js";
import type { PathProof } from "./path-proof.js";
import { inside, visitorIPv4, visitorWith, whyMissing } from "./visitor.js";

/** So many relays of each server and protocol are tried. */
const most = 8;

/** What the visitor's datagram says, by which it is known again behind the relay. */
const word = "ds4?";

/** Priority of the first counter on the uplink; each datagram's has its own. */
const preference = 4205;

/**
 * The proof of a relay: a visitor on the VPS. That socat takes a connection says nothing of the home; what counts is
 * that the very process that serves the visitor has a connection to the home server that was answered. A refusal
 * counts as nothing: the firewall of a router refuses in the server's name. Of UDP, which need not be answered,
 * it is that the visitor's datagram leaves for the server.
 */
export function relayProof(site: Site, design: RelayDesign): PathProof {
  const tried = triedOf(site, design);
  return {
    visitor: visitorWith(design, visit(design, tried), removeCounters(design, tried)),
    // A ping isn't relayed: the VPS answers it, or doesn't.
    judge: ({ visitor }) => ({ proofs: judge(site, design, tried, readVisit(visitor)), silent: true }),
  };
}

type Tried = { readonly tcp: readonly Relay[]; readonly udp: readonly Relay[] };

function triedOf(site: Site, { relays }: RelayDesign): Tried {
  const some = (protocol: Relay["protocol"]) =>
    serversOf(site).flatMap((server) =>
      relays.filter((relay) => relay.server === server && relay.protocol === protocol).slice(0, most),
    );
  return { tcp: some("tcp"), udp: some("udp") };
}

function removeCounters({ uplink6 }: RelayDesign, { udp }: Tried): string {
  const up6 = quote(uplink6);
  return [
    "",
    ...udp.map((_, at) => `tc filter del dev ${up6} egress pref ${preference + at} 2>/dev/null`),
    `[ "\${made6:-no}" = no ] || tc qdisc del dev ${up6} clsact`,
  ].join("\n  ");
}

/** The visitor's work. Each line that it prints is one thing seen: see `readVisit`. */
function visit(design: RelayDesign, { tcp, udp }: Tried): string {
  const up6 = quote(design.uplink6);
  const hex = Buffer.from(word).toString("hex");
  const counters = udp.map((relay, at) => {
    const to = relay.server.includes(":") ? `match ip6 dst ${relay.server}/128 ` : "";
    return `tc filter add dev ${up6} egress pref ${preference + at} protocol ipv6 u32 ${to}match ip6 protocol 17 0xff match ip6 dport ${relay.to} 0xffff match u32 0x${hex} 0xffffffff at 48 action continue`;
  });
  return [
    `tc qdisc add dev ${up6} clsact 2>/dev/null && made6=yes`,
    ...counters,
    // What the server itself says, without a relay in between.
    ...tcp.map(
      (relay) =>
        `{ said=$(timeout 7 socat -u OPEN:/dev/null TCP6:${quote(targetOf(relay))},connect-timeout=5 2>&1) && said=open; [ -n "$said" ] || said="no answer"; echo "direct ${relay.port} \${said##*: }"; } &`,
    ),
    ...tcp.map(
      ({ port }) => `${inside} timeout 9 bash -c 'exec 3<>/dev/tcp/${design.uplinkIPv4}/${port} || exit
echo "accepted ${port}"; IFS= read -r -t 6 -n 1 <&3 && echo "data ${port}"; sleep 2' 2>/dev/null &`,
    ),
    ...udp.map(
      ({ port }) =>
        `{ for n in 1 2 3; do ${inside} bash -c 'printf %s ${quote(word)} >/dev/udp/${design.uplinkIPv4}/${port}' 2>/dev/null; sleep 1; done; } &`,
    ),
    ...(tcp.length === 0
      ? []
      : [
          // Each process with its socket to the visitor and its other one, if that is more than asked for.
          `{ for n in 1 2 3 4 5 6 7 8; do sleep 0.7; ss -Htnp | awk -v visitor=${quote(`${visitorIPv4}:`)} '
  $1 == "SYN-SENT" || !match($0, /pid=[0-9]+/) { next }
  { pid = substr($0, RSTART, RLENGTH) }
  index($5, visitor) == 1 { near[pid] = $4; next }
  $5 ~ /^\\[/ { far[pid] = $5 }
  END { for (pid in near) if (pid in far) print "relayed " near[pid] " " far[pid] }'; done; } &`,
        ]),
    "wait",
    ...udp.map(
      ({ port }, at) =>
        `echo "sent ${port} $(tc -s filter show dev ${up6} egress pref ${preference + at} | sed -n 's/.*Sent [0-9]* bytes \\([0-9]*\\) p.*/\\1/p' | head -n 1)"`,
    ),
  ].join("\n");
}

/** What was seen of each port. */
type Seen = {
  readonly missing: string;
  /** TCP ports on which the VPS took the visitor's connection. */
  readonly accepted: ReadonlySet<number>;
  /** TCP ports by which the visitor got something to read. */
  readonly data: ReadonlySet<number>;
  /** What the server said to a connection of the VPS's own: `open`, or an error. */
  readonly direct: ReadonlyMap<number, string>;
  /** The far ends of the processes that served the visitor, by port. */
  readonly relayed: ReadonlyMap<number, string>;
  /** Datagrams of the visitor's that left for the server, by port. */
  readonly sent: ReadonlyMap<number, number>;
};

/** @throws HostError where the part can't be read. */
function readVisit(section: Section | undefined): Seen {
  const text = required(section, "the visitor on the VPS");
  const found = (pattern: RegExp) => [...text.matchAll(pattern)];
  return {
    missing: whyMissing(text),
    accepted: new Set(found(/^accepted (\d+)$/gm).map(([, port]) => Number(port))),
    data: new Set(found(/^data (\d+)$/gm).map(([, port]) => Number(port))),
    direct: new Map(found(/^direct (\d+) (.*)$/gm).map(([, port, said = ""]) => [Number(port), said])),
    relayed: new Map(found(/^relayed \S+:(\d+) (\S+)$/gm).map(([, port, far = ""]) => [Number(port), far])),
    sent: new Map(found(/^sent (\d+) (\d+)$/gm).map(([, port, count]) => [Number(port), Number(count)])),
  };
}

function judge(site: Site, design: RelayDesign, { tcp, udp }: Tried, seen: Seen): readonly Proof[] {
  if (seen.missing !== "") return [noVisitor(seen.missing)];
  const isHome = ({ port }: Relay) => seen.relayed.has(port) || seen.data.has(port);
  const servers = serversOf(site);
  const proofs = servers.flatMap((server): readonly Proof[] => {
    const name = (what: string) => (servers.length === 1 ? what : `${what}, ${server}`);
    const [own, datagrams] = [tcp, udp].map((all) => all.filter((relay) => relay.server === server));
    const home = own?.filter(isHome) ?? [];
    const first = own?.[0];
    const lost = datagrams?.find(({ port }) => !((seen.sent.get(port) ?? 0) > 0));
    return [
      ...(first === undefined
        ? []
        : [
            home.length > 0
              ? {
                  name: name("answer"),
                  proved: true,
                  seen: `visitor ${visitorIPv4} -> ${design.publicIPv4} got through to ${server}, which answered: ${home.map((relay) => wayOf(relay, seen)).join(", ")}`,
                }
              : { name: name("answer"), proved: false, ...failure(design, first, seen) },
          ]),
      ...(datagrams === undefined || datagrams.length === 0
        ? []
        : [
            lost === undefined
              ? {
                  name: name("datagrams"),
                  proved: true,
                  seen: `the visitor's left the VPS for ${server}: ${datagrams.map(relayId).join(", ")}; no answer is needed`,
                }
              : {
                  name: name("datagrams"),
                  proved: false,
                  seen: `the visitor's to ${relayId(lost)} did not leave the VPS for ${targetOf(lost)}`,
                  hint: `'journalctl -u ${unitName(relayId(lost))}' on the VPS shows why; a name needs an IPv6 address`,
                },
          ]),
    ];
  });
  const open = design.relays.filter((relay) =>
    relay.protocol === "tcp" ? !isHome(relay) : !udp.includes(relay),
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
              const said = tcp.includes(relay) ? seen.direct.get(relay.port) : undefined;
              return `${relayId(relay)} to ${targetOf(relay)}${said === undefined || said === "open" ? "" : ` (${said})`}`;
            })
            .join(", ")}`,
        },
      ];
}

/** `tcp/443 to [2001:db8::1]:443`. */
const wayOf = (relay: Relay, { relayed }: Seen) =>
  `${relayId(relay)} to ${relayed.get(relay.port) ?? targetOf(relay)}`;

/** Where a connection got lost that nobody at home answered. */
function failure(
  design: RelayDesign,
  relay: Relay,
  seen: Seen,
): { readonly seen: string; readonly hint: string } {
  const [id, target] = [relayId(relay), targetOf(relay)];
  const direct = seen.direct.get(relay.port) ?? "no answer";
  const router = `does the home's router let ${relay.protocol.toUpperCase()} ${relay.to} to it in by IPv6 (OpenWrt: Network > Firewall > Traffic Rules)?`;
  if (/not known|no address|name resolution/i.test(direct)) {
    return {
      seen: `the VPS finds no IPv6 address for ${relay.server} (${direct})`,
      hint: `check the name with 'getent ahostsv6 ${relay.server}' on the VPS, or write the server's address`,
    };
  }
  if (/refused/i.test(direct)) {
    return {
      seen: `${target} refuses the VPS's connections, so ${design.publicIPv4}:${relay.port} leads nowhere`,
      hint: `does a service of ${relay.server} listen there by IPv6? And ${router} A firewall refuses in the server's name`,
    };
  }
  if (direct !== "open") {
    return {
      seen: `${target} doesn't answer the VPS (${direct}), so ${design.publicIPv4}:${relay.port} leads nowhere`,
      hint: `is ${relay.server} on, and is that its address? And ${router}`,
    };
  }
  return seen.accepted.has(relay.port)
    ? {
        seen: `the VPS took the visitor's connection to ${id}, and made none to ${target} for it, which answers the VPS`,
        hint: `'journalctl -u ${unitName(id)}' on the VPS shows why`,
      }
    : {
        seen: `the visitor got no connection to ${design.publicIPv4}:${relay.port} on the VPS`,
        hint: `'systemctl status ${unitName(id)}' on the VPS shows whether it listens, 'nft list ruleset' which other firewall drops it`,
      };
}
