import { machines, mode, must } from "./machines.js";
import type { LabHost } from "./modes.js";

/** The modules of legacy iptables keep a table that was used once: not one without rules, and with no policy. */
const withoutEmptyTables = `awk '/^\\*/ { table = ""; used = 0 } { table = table $0 "\n" } /^-A/ || (/^:/ && !/ ACCEPT /) { used = 1 } /^COMMIT/ && used { printf "%s", table }'`;

/** Everything about a Debian that `teardown` has to give back, as text; counters and ids left out. */
function debianSnapshot(machine: string): Promise<string> {
  return must(
    machine,
    `exec 2>/dev/null
echo '# links'; ip -o link | sed 's/^[0-9]*: //' | grep -v '^ip6tnl0'
echo '# addresses'; ip -o addr | sed 's/^[0-9]*: //; s/valid_lft.*//'
echo '# routes'; ip route show table all; ip -6 route show table all | grep -v '^ff00\\|^multicast' | sort
echo '# rules'; ip rule; ip -6 rule
echo '# sysctls'; sysctl -a | grep -v -e ip6tnl0 -e random -e 'nf_conntrack' -e 'fs\\.' -e 'kernel\\.' -e 'stat_refresh' -e '\\.base_reachable' -e 'net\\.netfilter' -e 'net.ipv4.tcp_' -e 'vm\\.' | sort
${machine === "vps" ? "echo '# conntrack'; conntrack -L 2>/dev/null | grep 192.168.1.210" : ":"}
echo '# iptables'; for i in iptables ip6tables; do $i-save | sed '/^#/d; s/\\[[0-9:]*\\]/[]/'; done${mode.iptables === "legacy" ? ` | ${withoutEmptyTables}` : ""}
echo '# nft'; nft list ruleset | sed 's/packets [0-9]* bytes [0-9]*//'
echo '# files'; find /etc -xdev ! -name '*.cache' -printf '%M %u %g %p %l\\n' | sort; find /etc -xdev -type f ! -name '*.cache' -exec sha256sum {} + | sort -k 2
echo '# packages'; dpkg-query -W -f '\${Package} \${db:Status-Abbrev}\\n' | sort
echo '# units'; systemctl list-unit-files --no-legend | grep -i ds4
true`,
  );
}

/** The same of any machine. */
export const snapshotOf = (machine: LabHost) =>
  machine === "router" ? routerSnapshot() : debianSnapshot(machine);

/** Both machines that a user has, in the order of `machines`. */
export async function snapshots(): Promise<readonly string[]> {
  const all: string[] = [];
  for (const machine of machines) all.push(await snapshotOf(machine));
  return all;
}

/**
 * The same of the router: `uci export` instead of the files under /etc/config, which every commit rewrites. The
 * link-local address of the provider's tunnel is another one after each boot.
 */
export function routerSnapshot(): Promise<string> {
  return must(
    "router",
    `exec 2>/dev/null
echo '# links'; ip link | grep -v '^ ' | sed 's/^[0-9]*: //' | grep -v '^ip6tnl0'
echo '# addresses'; ip -o addr | sed 's/^[0-9]*: //; s/valid_lft.*//' | grep -v '^ds-wan .*fe80'
echo '# routes'; for t in main 42 local; do ip route show table $t; done; ip -6 route | sed 's/ expires [0-9]*sec//' | sort
echo '# rules'; ip rule; ip -6 rule
echo '# sysctls'; sysctl -a | grep -v -e ip6tnl0 -e random -e nf_conntrack -e 'fs\\.' -e 'kernel\\.' -e stat_refresh -e '\\.base_reachable' -e 'net\\.netfilter' -e 'net.ipv4.tcp_' -e 'vm\\.' | sort
echo '# uci'; uci export
echo '# nft'; nft list tables | sort | while read -r _ table; do nft list table $table; done | sed 's/packets [0-9]* bytes [0-9]*//'
echo '# files'; find /etc -type f ! -path '/etc/config/*' | sort | xargs sha256sum; ls -lR /etc | grep -v '^total' | sed 's/^\\(.\\{10\\}\\) *[0-9]* *[^ ]* *[^ ]* *[0-9]* *[A-Z][a-z][a-z] *[0-9]* *[0-9:]* /\\1 /' | grep -v ' config$'
echo '# packages'; opkg list-installed
true`,
  );
}
