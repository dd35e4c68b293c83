import { type Probe, quote, required, type Section } from "../core/script.js";
import type { Design } from "../hosts/design.js";
import { type Site, serversOf } from "../inventory/site.js";
import { attempts } from "./attempts.js";
import { countPackets } from "./counters.js";

/**
 * The address from which the visitor comes: of the range for benchmarks (RFC 2544), which no real visitor has. Its
 * packets don't leave the VPS but through the tunnel, and the answers to it don't either.
 */
export const visitorIPv4 = "198.18.0.1";

/** Priority of the visitor's filter on the uplink. */
const preference = 4204;

/** What the visitor on the VPS saw, and what the VPS's rules counted meanwhile. */
export type VisitorSeen = {
  /** Why there could be no visitor; empty where there was one. */
  readonly missing: string;
  /** The servers that answered a small packet, and one of the tunnel's size that must not be cut. */
  readonly small: ReadonlySet<string>;
  readonly full: ReadonlySet<string>;
  /** Ports that answered by a server's public IPv4, with `open` or `refused`. */
  readonly tcp: readonly { readonly server: string; readonly port: number; readonly answer: string }[];
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
export function visitorProbe(site: Site, design: Design): Probe {
  const ping = (size: string, target: string) =>
    `${inside} ping -n -q -c 1 -W 2 ${size} ${target} >/dev/null 2>&1 || ${inside} ping -n -q -c 4 -i 0.3 -W 2 ${size} ${target} >/dev/null 2>&1`;
  const tried = attempts(site, design).map((attempt) => ({ ...attempt, target: quote(attempt.uplinkIPv4) }));
  const pings = tried
    .filter((attempt) => attempt.ping)
    .map(
      ({ server, target }) => `
{ ${ping("-s 16", target)} && echo "answered small ${server}"; } &
{ ${ping(`-M do -s ${design.mtu - 28}`, target)} && echo "answered full ${server}"; } &`,
    )
    .join("");
  const datagrams = tried
    .filter(({ udpPorts }) => udpPorts.length > 0)
    .map(
      ({ udpPorts, target }) => `
for p in ${udpPorts.join(" ")}; do ${inside} bash -c "echo >/dev/udp/"${target}"/$p" 2>/dev/null & done`,
    )
    .join("");
  const connections = tried
    .filter(({ ports }) => ports.length > 0)
    .map(
      ({ server, ports, target }) => `
for p in ${ports.join(" ")}; do {
  said=$(${inside} timeout 4 bash -c "exec 3<>/dev/tcp/"${target}"/$p" 2>&1) && said=open
  case $said in open) echo "tcp ${server} $p open" ;; *refused*) echo "tcp ${server} $p refused" ;; esac
} & done`,
    )
    .join("");
  return visitorWith(
    design,
    `count() { echo "counters $1"; iptables-save -c -t filter; ip6tables-save -c -t filter; }
count before${pings}${datagrams}
{ ping -6 -n -q -c 2 -i 0.3 -W 2 ${quote(design.remote)} >/dev/null 2>&1 && echo "answered underlay"; } &${connections}
wait
count after`,
  );
}

/** How a command is run as the visitor. */
export const inside = "ip netns exec ds4-visitor";

/** The visitor doing this, with what it takes to be one before, and without a trace afterwards. */
export function visitorWith(
  { uplink, entrances }: Pick<Design, "uplink" | "entrances">,
  work: string,
  cleanUp = "",
): Probe {
  const up = quote(uplink);
  const reached = entrances.map(({ uplinkIPv4 }) => quote(uplinkIPv4));
  return {
    name: "visitor",
    script: `
missing() { echo "missing $*"; exit 0; }
for c in tc ping timeout bash; do command -v $c >/dev/null || missing "there is no '$c' on the VPS"; done
made=no
clean() {${cleanUp}
  tc filter del dev ${up} egress pref ${preference} 2>/dev/null
  [ $made = no ] || tc qdisc del dev ${up} clsact
  ip neigh del ${visitorIPv4} dev ${up} 2>/dev/null
  ip link del ds4v0 2>/dev/null
  ip netns del ds4-visitor 2>/dev/null
}
clean
trap clean EXIT
gateway=$(ip -4 route show default dev ${up} | sed -n 's/.* via \\([0-9.]*\\).*/\\1/p' | head -n 1)
# An answer leaves towards the gateway, so it has the gateway's hardware address, which the visitor takes as its own.
if [ -z "$gateway" ]; then mac=02:00:00:00:00:01; ip neigh replace ${visitorIPv4} lladdr $mac dev ${up} nud permanent
else
  hardware() { ip -4 neigh show "$gateway" dev ${up} | sed -n 's/.*lladdr \\([0-9a-f:]*\\).*/\\1/p'; }
  mac=$(hardware); [ -n "$mac" ] || { ping -n -q -c 1 -W 2 "$gateway" >/dev/null 2>&1; mac=$(hardware); }
  [ -n "$mac" ] || missing "the IPv4 gateway $gateway doesn't answer"
fi
said=$({
  ip netns add ds4-visitor &&
  ip link add ds4v0 type veth peer name ds4v1 address "$mac" netns ds4-visitor &&
  ip link set ds4v0 up &&
  ip -n ds4-visitor addr add ${visitorIPv4}/32 dev ds4v1 &&
  ip -n ds4-visitor link set ds4v1 up &&
${reached
  .map(
    (target) => `  ip -n ds4-visitor route add ${target}/32 dev ds4v1 &&
  ip -n ds4-visitor neigh replace ${target} lladdr "$(cat /sys/class/net/ds4v0/address)" dev ds4v1 &&`,
  )
  .join("\n")}
  tc qdisc add dev ds4v0 ingress &&
  tc filter add dev ds4v0 parent ffff: protocol ip u32 match u32 0 0 action mirred ingress redirect dev ${up}
} 2>&1) || missing "$said"
tc qdisc add dev ${up} clsact 2>/dev/null && made=yes
said=$(tc filter add dev ${up} egress pref ${preference} protocol ip u32 match ip dst ${visitorIPv4}/32 action mirred egress redirect dev ds4v0 2>&1) || missing "$said"
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
  const answered = (size: string) =>
    new Set(serversOf(site).filter((server) => lines.includes(`answered ${size} ${server}`)));
  const counted = (pattern: string) => packets(after, pattern) - packets(before, pattern);
  return {
    missing: whyMissing(text),
    small: answered("small"),
    full: answered("full"),
    underlay: lines.includes("answered underlay"),
    tcp: lines.flatMap((line) => {
      const [, server = "", port, answer = ""] = /^tcp ([\d.]+) (\d+) (\w+)$/.exec(line) ?? [];
      return port === undefined ? [] : [{ server, port: Number(port), answer }];
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
