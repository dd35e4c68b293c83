import { type Probe, quote, type Section } from "../core/script.js";
import type { Design } from "../hosts/design.js";
import { visitorIPv4 } from "../hosts/entrances.js";
import { networkOf, type RouterFacts } from "../hosts/router/facts.js";
import { lanServersOf, type Site } from "../inventory/site.js";

/**
 * What all hosts do for others and for themselves, seen before the change and again after it: a change may not
 * take any of it away. Each line is `name = what was seen`.
 */
export const vpsConnections: Probe = {
  name: "connections",
  script: `g=$(ip -4 route show default | sed -n 's/.* via \\([0-9.]*\\).*/\\1/p' | head -n 1)
a=$(ip -6 route show default | sed -n 's/.* via \\([0-9a-f:]*\\) dev \\([^ ]*\\).*/\\1%\\2/p' | head -n 1)
# The device belongs to a link-local address alone.
case $a in fe80:*) ;; *) a=\${a%\\%*} ;; esac
command -v ping >/dev/null || exit 0
once() { [ -z "$2" ] || { ping -n -q -c 1 -W 2 "$2" || ping -n -q -c 3 -i 0.3 -W 2 "$2"; } >/dev/null 2>&1 && [ -n "$2" ] && echo "$1 $2 = answers"; }
once "IPv4 gateway" "$g" &
once "IPv6 gateway" "$a" &
wait`,
};

/**
 * Targets, gateways and devices of routes alone: the rest is told otherwise by BusyBox's ip than by the one that ds4
 * installs, or changes by itself (a metric of NetworkManager's, whether a bridge has a link).
 */
const ways = `ways() { awk '{ way = ""; for (i = 1; i <= NF; i++) if ($i == "via" || $i == "dev") { way = way " " $i " " $(i + 1); i++ } else if (i == 1) way = $i; else if (i == 2 && $1 !~ /[.\\/]|^default$/) way = way " " $i; print way }'; }`;

/** The gateways of a Linux machine at home, and its own routes, which it keeps. */
export const homeConnections: Probe = {
  name: "connections",
  script: `${ways}
echo "main routes = $(ip -4 route show table main | ways | sort | tr '\\n' ';')"
${vpsConnections.script}`,
};

/**
 * The router's own way by its provider's IPv4, and the routes of a LAN host that is no server, neither before the
 * change nor after it. `facts` are from before.
 */
export function routerConnections(site: Site, facts: RouterFacts, design: Pick<Design, "publicIPv4">): Probe {
  // Also one that is a server no longer: its way out is meant to change.
  const servers = [...new Set([...lanServersOf(site), ...(facts.owned?.tunnel?.servers ?? [])])];
  // Of a LAN that is none of the tunnel's, any host will do.
  const [server = facts.interfaces.find(({ name }) => name === "lan")?.ipv4[0]?.address ?? "0.0.0.0"] =
    servers;
  const lan = networkOf(facts, server);
  const last = Number(server.split(".")[3]);
  // One below it or, where there is none, one above.
  const near = [...Array(last).keys()].slice(1).reverse();
  const other = [...near, last + 1, ...servers.map((_, at) => last + 2 + at)]
    .map((number) => [...server.split(".").slice(0, 3), number].join("."))
    .find((address) => !servers.includes(address));
  return {
    name: "connections",
    script: `once() { ping -q -c 1 -W 3 "$1" || ping -q -c 3 -W 2 "$1"; }
${ways}
[ -z "$(ip -4 route show default)" ] || { once ${quote(design.publicIPv4)} >/dev/null 2>&1 && echo ${quote(`${design.publicIPv4} by the provider's IPv4 = answers`)}; } &
echo "main routes = $(ip -4 route show table main | ways | sort | tr '\\n' ';')"
echo ${quote(`way out of ${other}`)} "= $(ip route get ${visitorIPv4} from ${other} iif ${quote(lan?.device ?? "br-lan")} 2>/dev/null | head -n 1 | ways)"
wait`,
  };
}

/** What was seen, by name. */
export type Connections = ReadonlyMap<string, string>;

export function readConnections(section: Section | undefined): Connections {
  return new Map(
    (section?.stdout ?? "").split("\n").flatMap((line): [string, string][] => {
      const at = line.indexOf(" = ");
      return at < 0 ? [] : [[line.slice(0, at), line.slice(at + 3).trim()]];
    }),
  );
}
