import { quote, required } from "../../core/script.js";
import type { State } from "../../core/state.js";
import { earlierRules } from "../../hosts/router/earlier-rules.js";
import type { RouterFacts } from "../../hosts/router/facts.js";
import { maxServers } from "../../inventory/forwards.js";
import { lanServersOf, type Site, serversOf } from "../../inventory/site.js";
import { type RouterStep, rulePriorities } from "./step.js";

/**
 * The policy rules as the kernel has them: for each server, first `main` without its default route, so that the LAN
 * and other subnets stay reachable, then the tunnel's table.
 */
export const rules: RouterStep = {
  name: "rule",
  layer: "live",
  desired: ({ site, design }) =>
    new Map(
      [...design.slots].flatMap(([server, slot]): [string, State][] => {
        const { main, table } = rulePriorities(slot);
        return [
          [String(main), { rule: `from ${server} lookup main suppress_prefixlength 0` }],
          [String(table), { rule: `from ${server} lookup ${site.tunnel.table}` }],
        ];
      }),
    ),
  // And which of their tables have a default route.
  probe: () => `rules=$(ip rule) || exit
echo "$rules"
for t in $(echo "$rules" | sed -n 's/.* lookup \\([^ ]*\\).*/\\1/p' | sort -u); do
  case $(ip route show table "$t" 2>/dev/null) in default* | *"
default"*) echo "default $t" ;; esac
done`,
  parse: (section, facts, site) => {
    const items = new Map<string, State>();
    if (!facts.marked) return items;
    const own = knownRules(site, facts);
    for (const [priority, rule] of readRules(required(section, "ip rule"))) {
      if (!isOurs(priority, rule, own)) continue;
      const other = items.get(priority);
      items.set(priority, { rule: other ? `${other.rule}, ${rule}` : rule });
    }
    return items;
  },
  render: (changes, context) => {
    for (const { id, to } of changes) if (to === undefined) context.finally(clear(id));
    return changes.flatMap(({ id, from, to }) => [
      context.mark(id),
      ...(to === undefined
        ? []
        : [
            ...(from === undefined ? [] : [clear(id)]),
            `ip rule | grep -q ${quote(`^${id}:`)} || ip rule add priority ${quote(id)} ${String(to.rule)} protocol static`,
          ]),
    ]);
  },
  conflicts: ({ site, router, design }) => {
    const servers = serversOf(site);
    const needed = [...design.slots.values()]
      .flatMap((slot) => Object.values(rulePriorities(slot)))
      .sort((a, b) => a - b);
    const earlier = servers.flatMap((server) =>
      earlierRules(router, server)
        .filter(({ always }) => always)
        .map(({ text }) => ({
          host: "router" as const,
          message: `the routing rule '${text}' on the router comes before ds4's and sends what ${server} sends elsewhere`,
          hint: `give it a priority above ${needed.at(-1)}, or a source that leaves ${server} out`,
        })),
    );
    const own = knownRules(site, router);
    const taken = readRules(router.rules)
      .filter(([priority, rule]) =>
        needed.includes(Number(priority))
          ? !router.marked || !isOurs(priority, rule, own)
          : !router.marked && rule.endsWith(`lookup ${site.tunnel.table}`),
      )
      .map(([priority, rule]) => ({
        host: "router" as const,
        message: `somebody has the routing rule '${priority}: ${rule}' on the router`,
        hint: needed.includes(Number(priority))
          ? `ds4 needs the priorities ${listOf(needed)}: give that rule another one`
          : "choose another table for ds4 with 'tunnel: { table: … }'",
      }));
    return [...earlier, ...taken];
  },
};

/** The rules of the servers that are wanted and that were, in the form in which ds4 makes them. */
function knownRules(site: Site, { owned }: RouterFacts): ReadonlySet<string> {
  const servers = [...lanServersOf(site), ...(owned?.tunnel?.servers ?? [])];
  const tables = [site.tunnel.table, owned?.tunnel?.table ?? site.tunnel.table];
  return new Set(
    servers.flatMap((server) => [
      `from ${server} lookup main suppress_prefixlength 0`,
      ...tables.map((table) => `from ${server} lookup ${table}`),
    ]),
  );
}

/** The first server's two priorities are ds4's alone; the others' may be somebody's on a router without so many. */
function isOurs(priority: string, rule: string, own: ReadonlySet<string>): boolean {
  const number = Number(priority);
  if (number < rulePriorities(0).main || number > rulePriorities(maxServers - 1).table) return false;
  return number <= rulePriorities(0).table || own.has(rule);
}

const listOf = (numbers: readonly number[]) => `${numbers.slice(0, -1).join(", ")} and ${numbers.at(-1)}`;

const clear = (priority: string) => `while ip rule del priority ${quote(priority)} 2>/dev/null; do :; done`;

/** Lines of `ip rule`, iproute2's or BusyBox's: priority and the rest in one spacing. */
function readRules(text: string): readonly (readonly [string, string])[] {
  return text.split("\n").flatMap((line) => {
    const match = /^(\d+):\s+(.*?)\s*$/.exec(line);
    return match ? [[match[1] ?? "", (match[2] ?? "").replace(/\s+proto\S* \S+/, "")] as const] : [];
  });
}
