import { quote } from "../../core/script.js";
import { protocolNumber } from "../../inventory/protocols.js";

/** Where the DNAT rules among these lead to. */
export function targetsOf(rules: readonly string[]): readonly string[] {
  return [...new Set(rules.flatMap((rule) => /--to-destination ([0-9.]+)/.exec(rule)?.[1] ?? []))];
}

/** Lines that delete conntrack's entries of these servers, which would outlive their forwards by days. */
export function forgetServers(servers: readonly string[]): readonly string[] {
  return servers
    .flatMap((server) => [`conntrack -D -r ${server}`, `conntrack -D -s ${server}`])
    .map((command) => `! command -v conntrack >/dev/null || ${command} >/dev/null 2>&1 || :`);
}

/**
 * Lines that delete the entries that other rules of nat PREROUTING have left behind: those of servers that are no
 * more and, of the others, each whose first packet would now go elsewhere. All others stay.
 */
export function forgetMoved(from: readonly string[], to: readonly string[]): readonly string[] {
  const stay = targetsOf(from).filter((server) => targetsOf(to).includes(server));
  const left = forgetServers(targetsOf(from).filter((server) => !stay.includes(server)));
  // SSH's port on its own changes nothing for whoever is connected.
  const forwards = (rules: readonly string[]) =>
    rules.filter((rule) => !/--dport \d+ -j RETURN$/.test(rule)).join("\n");
  if (stay.length === 0 || forwards(from) === forwards(to)) return left;
  return [
    ...left,
    `! command -v conntrack >/dev/null || conntrack -L 2>/dev/null | awk -v rules=${quote(to.map(ruleWords).join("|"))} -v servers=${quote(` ${stay.join(" ")} `)} ${quote(moved)} | while read -r entry; do conntrack -D $entry >/dev/null 2>&1 || :; done`,
  ];
}

/** A rule as `protocol first last server shift address`: 0 is any, and `-` the VPS itself. */
function ruleWords(rule: string): string {
  const [, protocol = "0"] = / -p (\S+)/.exec(rule) ?? [];
  const [, first = "0", last = first] = / --dport (\d+)(?::(\d+))?/.exec(rule) ?? [];
  const [, server = "-", to = first] = / --to-destination ([\d.]+)(?::(\d+))?/.exec(rule) ?? [];
  const [, address = ""] = /-d ([\d.]+)\/32/.exec(rule) ?? [];
  const shift = Number(to) - Number(first);
  return [protocolNumber(protocol) ?? protocol, first, last, server, shift, address].join(" ");
}

/** Reads `conntrack -L`, where the reply's half repeats the keys, and prints what `conntrack -D` wants to know. */
const moved = `BEGIN { count = split(rules, rule, "|") }
{
  split("", v)
  for (i = 3; i <= NF; i++) if (split($i, pair, "=") == 2) v[pair[1] ((pair[1] in v) ? "2" : "")] = pair[2]
  if (v["src2"] == v["dst"] || !index(servers, " " v["src2"] " ")) next
  port = v["dport"] + 0; goes = "-"; shift = 0
  for (i = 1; i <= count; i++) {
    split(rule[i], r, " ")
    if (r[6] == v["dst"] && (r[1] == 0 || r[1] == $2) && (r[2] == 0 || (port >= r[2] + 0 && port <= r[3] + 0))) { goes = r[4]; shift = r[5]; break }
  }
  if (goes == v["src2"] && v["sport2"] + 0 == port + shift) next
  print "-p", $2, "-s", v["src"], "-d", v["dst"], v["dport"] == "" ? "" : "--sport " v["sport"] " --dport " v["dport"]
}`;
