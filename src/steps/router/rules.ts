import { quote, required } from "../../core/script.js";
import type { State } from "../../core/state.js";
import { earlierRules } from "../../hosts/router/earlier-rules.js";
import { type RouterStep, rulePriorities } from "./step.js";

/**
 * The policy rules as the kernel has them: for the server, first `main` without its default route, so that the LAN
 * and other subnets stay reachable, then the tunnel's table.
 */
export const rules: RouterStep = {
  name: "rule",
  layer: "live",
  desired: ({ site }) =>
    new Map<string, State>([
      [String(rulePriorities.main), { rule: `from ${site.server} lookup main suppress_prefixlength 0` }],
      [String(rulePriorities.table), { rule: `from ${site.server} lookup ${site.tunnel.table}` }],
    ]),
  // And which of their tables have a default route.
  probe: () => `rules=$(ip rule) || exit
echo "$rules"
for t in $(echo "$rules" | sed -n 's/.* lookup \\([^ ]*\\).*/\\1/p' | sort -u); do
  case $(ip route show table "$t" 2>/dev/null) in default* | *"
default"*) echo "default $t" ;; esac
done`,
  parse: (section, facts) => {
    const items = new Map<string, State>();
    if (!facts.marked) return items;
    for (const [priority, rule] of readRules(required(section, "ip rule"))) {
      if (!isOurs(priority)) continue;
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
  conflicts: ({ site, router }) => {
    const earlier = earlierRules(router, site.server)
      .filter(({ always }) => always)
      .map(({ text }) => ({
        host: "router" as const,
        message: `the routing rule '${text}' on the router comes before ds4's and sends what ${site.server} sends elsewhere`,
        hint: `give it a priority above ${rulePriorities.table}, or a source that leaves ${site.server} out`,
      }));
    if (router.marked) return earlier;
    const taken = readRules(router.rules)
      .filter(([priority, rule]) => isOurs(priority) || rule.endsWith(`lookup ${site.tunnel.table}`))
      .map(([priority, rule]) => ({
        host: "router" as const,
        message: `somebody has the routing rule '${priority}: ${rule}' on the router`,
        hint: isOurs(priority)
          ? `ds4 needs the priorities ${rulePriorities.main} and ${rulePriorities.table}: give that rule another one`
          : "choose another table for ds4 with 'tunnel: { table: … }'",
      }));
    return [...earlier, ...taken];
  },
};

const isOurs = (priority: string) => Object.values(rulePriorities).map(String).includes(priority);

const clear = (priority: string) => `while ip rule del priority ${quote(priority)} 2>/dev/null; do :; done`;

/** Lines of `ip rule`, iproute2's or BusyBox's: priority and the rest in one spacing. */
function readRules(text: string): readonly (readonly [string, string])[] {
  return text.split("\n").flatMap((line) => {
    const match = /^(\d+):\s+(.*?)\s*$/.exec(line);
    return match ? [[match[1] ?? "", (match[2] ?? "").replace(/\s+proto\S* \S+/, "")] as const] : [];
  });
}
