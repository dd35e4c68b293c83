import { type Probe, quote, required, type Section } from "../core/script.js";
import type { Design } from "../hosts/design.js";
import { type Entrance, usedEntrances } from "../hosts/entrances.js";
import { type Site, serversOf } from "../inventory/site.js";
import { attempts } from "./attempts.js";
import { countPackets } from "./counters.js";

/** Priority of the visitor's filter on the uplink. */
const preference = 4204;

/** What the visitor on the VPS saw, and what the VPS's rules counted meanwhile. */
export type VisitorSeen = {
  /** Why there could be no visitor; empty where there was one. */
  readonly missing: string;
  /** The addresses that answered a small packet, and one of the tunnel's size that must not be cut. */
  readonly small: ReadonlySet<string>;
  readonly full: ReadonlySet<string>;
  /** Ports that answered, with `open` or `refused`. */
  readonly tcp: readonly { readonly address: string; readonly port: number; readonly answer: string }[];
  /** Whether the router's end answers a ping that doesn't go through the tunnel. */
  readonly underlay: boolean;
  /** Packets that the rules saw: to each server and from it, and outer ones from the router. */
  readonly servers: ReadonlyMap<string, { readonly to: number; readonly from: number }>;
  readonly outer: number;
};

/**
 * A visitor on the VPS itself, for where nothing outside can be asked to send: a network namespace whose packets
 * are put in front of the uplink as if they had just arrived there, and whose answers are taken off the uplink
 * behind everything else (tc-mirred(8)). What it proves is the whole way but the provider's own network.
 */
export function visitorProbe(design: Design): Probe {
  const ping = (size: string, target: string) =>
    `${inside} ping -n -q -c 1 -W 2 ${size} ${target} >/dev/null 2>&1 || ${inside} ping -n -q -c 4 -i 0.3 -W 2 ${size} ${target} >/dev/null 2>&1`;
  const visits = usedEntrances(design.entrances).flatMap((entrance) => {
    const target = entrance.uplinkIPv4;
    const tried = attempts({ entrances: [entrance] });
    const ports = tried.flatMap((attempt) => attempt.ports);
    const udpPorts = tried.flatMap((attempt) => attempt.udpPorts);
    return [
      ...(tried.some((attempt) => attempt.ping)
        ? [
            `{ ${ping("-s 16", target)} && echo "answered small ${target}"; } &`,
            `{ ${ping(`-M do -s ${design.mtu - 28}`, target)} && echo "answered full ${target}"; } &`,
          ]
        : []),
      ...(udpPorts.length === 0
        ? []
        : [
            `for p in ${udpPorts.join(" ")}; do ${inside} bash -c "echo >/dev/udp/${target}/$p" 2>/dev/null & done`,
          ]),
      ...(ports.length === 0
        ? []
        : [
            `for p in ${ports.join(" ")}; do {
  said=$(${inside} timeout 4 bash -c "exec 3<>/dev/tcp/${target}/$p" 2>&1) && said=open
  case $said in open) echo "tcp ${target} $p open" ;; *refused*) echo "tcp ${target} $p refused" ;; esac
} & done`,
          ]),
    ];
  });
  return visitorWith(
    design,
    // Of ds4's rules alone: others may have thousands.
    `count() { echo "counters $1"; { iptables-save -c -t filter; ip6tables-save -c -t filter; } | grep -e ' -A DS4-'; }
count before
{ ping -6 -n -q -I ${quote(design.local)} -c 2 -i 0.3 -W 2 ${quote(design.remote)} >/dev/null 2>&1 && echo "answered underlay"; } &
${visits.join("\n")}
wait
count after`,
  );
}

/** How a command is run as the visitor. */
export const inside = "ip netns exec ds4-visitor";

/**
 * The visitor doing this, with what it takes to be one before, and without a trace afterwards. To each public IPv4 it
 * comes from another address, by which its packets are told apart at home.
 */
export function visitorWith(
  { uplink, entrances }: Pick<Design, "uplink" | "entrances">,
  work: string,
  cleanUp = "",
): Probe {
  const up = quote(uplink);
  const all = usedEntrances(entrances);
  const each = (line: (one: Entrance) => string) => all.map(line).join("\n  ");
  return {
    name: "visitor",
    script: `
missing() { echo "missing $*"; exit 0; }
for c in tc ping timeout bash; do command -v $c >/dev/null || missing "there is no '$c' on the VPS"; done
made=no
clean() {${cleanUp}
  tc filter del dev ${up} egress pref ${preference} 2>/dev/null
  [ $made = no ] || tc qdisc del dev ${up} clsact
  ${each(({ visitor }) => `ip neigh del ${visitor} dev ${up} 2>/dev/null`)}
  [ ! -e /sys/class/net/ds4v0 ] || ip link del ds4v0 2>/dev/null
  [ ! -e /run/netns/ds4-visitor ] || ip netns del ds4-visitor 2>/dev/null
}
clean
# Also where ds4 goes away meanwhile, and nobody reads along.
trap clean EXIT
trap '' PIPE
trap 'exit 1' HUP INT TERM
gateway=$(ip -4 route show default dev ${up} | sed -n 's/.* via \\([0-9.]*\\).*/\\1/p' | head -n 1)
# An answer leaves towards the gateway, so it has the gateway's hardware address, which the visitor takes as its own.
if [ -z "$gateway" ]; then mac=02:00:00:00:00:01
  ${each(({ visitor }) => `ip neigh replace ${visitor} lladdr $mac dev ${up} nud permanent`)}
else
  hardware() { ip -4 neigh show "$gateway" dev ${up} | sed -n 's/.*lladdr \\([0-9a-f:]*\\).*/\\1/p'; }
  mac=$(hardware); [ -n "$mac" ] || { ping -n -q -c 1 -W 2 "$gateway" >/dev/null 2>&1; mac=$(hardware); }
  [ -n "$mac" ] || missing "the IPv4 gateway $gateway doesn't answer"
fi
said=$({
  ip netns add ds4-visitor &&
  ip link add ds4v0 type veth peer name ds4v1 address "$mac" netns ds4-visitor &&
  ip link set ds4v0 up &&
  ip -n ds4-visitor link set ds4v1 up &&
  ${each(
    ({ visitor, uplinkIPv4 }) => `ip -n ds4-visitor addr add ${visitor}/32 dev ds4v1 &&
  ip -n ds4-visitor route add ${uplinkIPv4}/32 dev ds4v1 src ${visitor} &&
  ip -n ds4-visitor neigh replace ${uplinkIPv4} lladdr "$(cat /sys/class/net/ds4v0/address)" dev ds4v1 &&`,
  )}
  tc qdisc add dev ds4v0 ingress &&
  tc filter add dev ds4v0 parent ffff: protocol ip u32 match u32 0 0 action mirred ingress redirect dev ${up}
} 2>&1) || missing "$said"
tc qdisc add dev ${up} clsact 2>/dev/null && made=yes
said=$({
  ${each(({ visitor }) => `tc filter add dev ${up} egress pref ${preference} protocol ip u32 match ip dst ${visitor}/32 action mirred egress redirect dev ds4v0 &&`)}
  true
} 2>&1) || missing "$said"
${work}
true`,
  };
}

/** Why the visitor could not be one; empty where it was. */
export function whyMissing(text: string): string {
  const line = text.split("\n").find((one) => one.startsWith("missing "));
  return line?.slice("missing ".length).trim() ?? "";
}

/** Makes sense of what the visitor printed. @throws HostError where the part can't be read. */
export function readVisitor(section: Section | undefined, site: Site, design: Design): VisitorSeen {
  const text = required(section, "the visitor on the VPS");
  const lines = text.split("\n");
  const [, before = "", after = ""] = text.split(/^counters \w+$/m);
  const counted = (pattern: string) => packets(after, pattern) - packets(before, pattern);
  const answered = (what: string) =>
    new Set(lines.flatMap((line) => new RegExp(`^answered ${what} (\\S+)$`).exec(line)?.[1] ?? []));
  return {
    missing: whyMissing(text),
    small: answered("small"),
    full: answered("full"),
    underlay: lines.includes("answered underlay"),
    tcp: lines.flatMap((line) => {
      const [, address = "", port, answer = ""] = /^tcp (\S+) (\d+) (\w+)$/.exec(line) ?? [];
      return port === undefined ? [] : [{ address, port: Number(port), answer }];
    }),
    servers: new Map(
      serversOf(site).map((server) => [
        server,
        {
          to: counted(`-d ${server}/32 -i ${design.uplink} -o ${site.tunnel.name}`),
          from: counted(`-s ${server}/32 -i ${site.tunnel.name} -o ${design.uplink}`),
        },
      ]),
    ),
    outer: counted(`-s ${design.remote}/128 -d ${design.local}/128`),
  };
}

/** The packets that a rule of ds4's counted. */
function packets(saved: string, pattern: string): number {
  return countPackets(
    saved,
    (line) => line.includes(" -A DS4-") && line.includes(` ${pattern} `) && line.endsWith("ACCEPT"),
  );
}
