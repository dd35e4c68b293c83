import { readFileSync } from "node:fs";
import { machines, must } from "./machines.js";
import type { LabHost } from "./modes.js";

const tool = readFileSync(new URL("forge.pl", import.meta.url), "utf8");

/** A packet as `forge.pl` takes it; sent from the visitor's machine, which may write any source. */
export type Forged = {
  readonly outer?: string;
  readonly via?: "4" | "dstopt" | "fragment" | "41" | "gre";
  readonly inner: string;
  readonly what?: "udp" | "icmp" | "syn";
  readonly ttl?: number;
};

/** The tunnel's end at home. */
const [, end = "router"] = machines;

/** Where a packet, an answer to it or an error about it can turn up in the world: namespace, device and filter. */
const places = {
  client: "client eth0 ip",
  server: "server eth0 ip",
  lan2: "lan2 eth0 ip",
  /** What the VPS sends to the internet as it is, and into the tunnel. */
  uplink: "internet vps ip",
  tunnel: "internet vps ip6 proto 4",
  /** What the router sends by the provider's own way to the IPv4 internet. */
  provider: "aftr b4 ip",
} as const;
type Place = keyof typeof places;

/** No address of a host on the internet. What is for documentation and benchmarks isn't among them: the lab is made of it. */
export const bogons = [
  "0.1.2.3",
  "10.1.2.3",
  "100.64.1.2",
  "127.0.0.1",
  "169.254.1.2",
  "172.16.1.2",
  "192.168.77.2",
  "224.0.0.5",
  "240.1.2.3",
  "255.255.255.255",
];

/** Packets that came out of the tunnel on a host, and those of them that reached the host itself. */
type Counted = { readonly decapsulated: number; readonly reached: number };

export type Seen = Readonly<Record<Place, readonly string[]>> & {
  readonly vps: Counted;
  readonly home: Counted;
};

/** Of the forged ones alone, by the port or number that they come from: other traffic is nobody's fault. */
const count = (name: string) =>
  ["meta l4proto { tcp, udp } th sport 40000", "icmp id 4"]
    .map((match) => `iifname "wrap1" ${match} counter name ${name};`)
    .join(" ");
const counters = `nft -f - <<'NFT'
table ip forged
delete table ip forged
table ip forged {
	counter decapsulated { }
	counter reached { }
	chain prerouting { type filter hook prerouting priority -450; ${count("decapsulated")} }
	chain input { type filter hook input priority 300; ${count("reached")} }
}
NFT`;

/** Names a packet in a test's output. */
export function named({ outer, via, inner, what, ttl }: Forged): string {
  return [outer ?? "", via ?? "", inner, what ?? "", ttl === undefined ? "" : `ttl ${ttl}`]
    .filter((part) => part !== "")
    .join(" ");
}

/** Sends the packets and looks where they, or anything that quotes them, turn up within three seconds. */
export async function forge(packets: readonly Forged[]): Promise<Seen> {
  await Promise.all([must("vps", counters), must(end, counters)]);
  const lines = packets.map(
    (packet, at) =>
      `${Object.entries(packet)
        .map(([key, value]) => `${key}=${value}`)
        .join(" ")} mark=${mark(at)}`,
  );
  // Where the server is the tunnel's end itself, what reaches it is counted there.
  const looked = Object.entries(places).filter(([place]) => place !== "server" || end === "router");
  const captures = looked.map(([place, where]) => {
    const [namespace, device, ...filter] = where.split(" ");
    return `ip netns exec ${namespace} tcpdump -i ${device} -Q in -U --immediate-mode -w ${place}.pcap ${filter.join(" ")} 2>${place}.log & pids="$pids $!"`;
  });
  const found = await must(
    "world",
    `cd "$(mktemp -d)"; trap 'rm -r "$PWD"' EXIT
pids=; cat >forge.pl <<'PERL'
${tool}
PERL
${captures.join("\n")}
n=0; until [ "$(grep -l '^tcpdump: listening\\|, link-type' *.log | wc -l)" -eq ${captures.length} ]; do sleep 0.2; n=$((n+1)); [ $n -lt 100 ] || exit 1; done
ip netns exec client perl forge.pl <<'PACKETS' || exit 1
${lines.join("\n")}
PACKETS
sleep 3; kill $pids; wait
for f in *.pcap; do tcpdump -nn -A -r "$f" 2>/dev/null | grep -ao 'forged[0-9][0-9]' | sort -u | sed "s/^/\${f%.pcap} /"; done`,
  );
  const counted = async (machine: LabHost): Promise<Counted> => {
    const [decapsulated = Number.NaN, reached = Number.NaN] = [
      ...(await must(machine, "nft list counters table ip forged; nft delete table ip forged")).matchAll(
        /packets (\d+)/g,
      ),
    ].map((match) => Number(match[1]));
    return { decapsulated, reached };
  };
  const at = (place: string) =>
    packets.filter((_, index) => found.split("\n").includes(`${place} ${mark(index)}`)).map(named);
  const [vps, home] = await Promise.all([counted("vps"), counted(end)]);
  return {
    ...(Object.fromEntries(Object.keys(places).map((place) => [place, at(place)])) as Record<
      Place,
      string[]
    >),
    vps,
    home,
  };
}

/** Eight bytes. */
function mark(index: number): string {
  if (index > 99) throw new Error("no more than 100 packets at a time");
  return `forged${String(index).padStart(2, "0")}`;
}
