import { quote, type Section } from "../../core/script.js";
import type { PathProbe } from "./facts.js";

/** Outer packet sizes that are met on the way to homes, in bytes; the path between two of them counts as the smaller. */
const sizes = [
  1500, 1492, 1488, 1480, 1476, 1472, 1468, 1460, 1456, 1452, 1440, 1420, 1400, 1380, 1360, 1340, 1320, 1300,
  1280,
];

/** IPv6 and ICMPv6 headers. */
const headers = 48;

/**
 * A shell function: one packet of each size, at once, towards the home, not to be cut on the way. An answer of that
 * size proves both directions, also where the provider drops the ICMP errors that path MTU discovery lives on.
 */
function pings(target: string): string {
  const once = (count: number) =>
    `ping -6 -n -q -M do -c ${count} -i 0.3 -W 1 -s $((s - ${headers})) ${target} >/dev/null 2>&1`;
  return `command -v ping >/dev/null || exit 0
pings() { for s; do { if ${once(1)} || ${once(3)}; then echo "answered $s"; else echo "silent $s"; fi; } & done; wait; }`;
}

/** Measures the path from the VPS to an address of the router: the most usual sizes, and the others if none of them fits. */
export function measurePath(target: string): string {
  const [first, second, ...others] = sizes;
  return `${pings(quote(target))}
usual=$(pings ${first} ${second}); echo "$usual"
case $usual in *answered*) ;; *) pings ${others.join(" ")} ;; esac`;
}

/** Whether what was measured at the last change still holds: only the largest size, and the one in use. */
export const pathProbe = {
  name: "path",
  script: `[ -r /etc/ds4/site ] || exit 0
remote=; mtu=; while IFS='=' read -r k v; do case $k in remote) remote=$v ;; mtu) mtu=$v ;; esac; done </etc/ds4/site
case $remote in *[!0-9a-f:]* | '') exit 0 ;; esac; case $mtu in *[!0-9]* | '') exit 0 ;; esac
set -- $(ip -6 route get "$remote" 2>/dev/null); while [ $# -gt 1 ] && [ "$1" != dev ]; do shift; done
link=$(cat "/sys/class/net/\${2:-}/mtu" 2>/dev/null || echo 1500)
${pings('"$remote"')}
if [ "$link" = $((mtu + 40)) ]; then pings "$link"; else pings $((mtu + 40)) "$link"; fi`,
};

/** What either of them printed; undefined where nothing was sent. */
export function parsePath(section: Section | undefined): PathProbe | undefined {
  const found = (word: string) =>
    (section?.stdout ?? "")
      .split("\n")
      .flatMap((line) => (line.startsWith(`${word} `) ? [Number(line.slice(word.length + 1))] : []));
  const [answered, silent] = [found("answered"), found("silent")];
  return answered.length + silent.length === 0 ? undefined : { answered, silent };
}
