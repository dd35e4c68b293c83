import { quote, required } from "../../core/script.js";
import type { State } from "../../core/state.js";
import type { Conflict } from "../../core/step.js";
import { earlierRules } from "../../hosts/router/earlier-rules.js";
import type { RouterFacts } from "../../hosts/router/facts.js";
import { maxServers } from "../../inventory/forwards.js";
import { type Site, sendersOf, serversOf } from "../../inventory/site.js";
import { type RouterStep, replyMark, replyMarkText, rulePriorities } from "./step.js";

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
        const which = sendersOf(site).includes(server) ? allOf(server) : repliesOf(server);
        return [
          [String(main), { rule: `${which} lookup main suppress_prefixlength 0` }],
          [String(table), { rule: `${which} lookup ${site.tunnel.table}` }],
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
    return changes.flatMap(({ id, to }) => [
      context.mark(id),
      ...(to === undefined
        ? []
        : [
            // Mostly netifd has done it by now, and between the two halves of this, packets would go elsewhere.
            `[ "$(ip rule | ${only(id)})" = ${quote(String(to.rule))} ] || { ${clear(id)}; ip rule add priority ${quote(id)} ${String(to.rule)} protocol static; }`,
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
    return [...earlier, ...taken, ...markConflicts(site, router, own)];
  },
};

/** What a server sends. */
const allOf = (server: string) => `from ${server}`;
/** The same, as far as it belongs to what came in by the tunnel. */
const repliesOf = (server: string) => `from ${server} fwmark ${replyMarkText}`;

/** The rules of the servers that are wanted and that were, in the form in which ds4 makes them. */
function knownRules(site: Site, { owned }: RouterFacts): ReadonlySet<string> {
  const servers = [...serversOf(site), ...(owned?.servers ?? [])];
  const tables = [site.tunnel.table, owned?.table ?? site.tunnel.table];
  return new Set(
    servers
      .flatMap((server) => [allOf(server), repliesOf(server)])
      .flatMap((which) => [
        `${which} lookup main suppress_prefixlength 0`,
        ...tables.map((table) => `${which} lookup ${table}`),
      ]),
  );
}

/** Rules and firewall sections of others that count on the bit by which ds4 tells replies. */
function markConflicts(site: Site, router: RouterFacts, own: ReadonlySet<string>): readonly Conflict[] {
  if (sendersOf(site).length === site.forwards.length) return [];
  const byRule = readRules(router.rules)
    .filter(([, rule]) => !own.has(rule) && hasBit(/ fwmark (\S+)/.exec(` ${rule}`)?.[1]))
    .map(([priority, rule]) => `the routing rule '${priority}: ${rule}'`);
  const bySection = router.firewall.flatMap(({ name, type, options }) =>
    ["mark", "set_mark", "set_xmark"]
      .filter((option) => hasBit(String(options[option] ?? "")))
      .map((option) => `the firewall's ${type} '${options.name ?? name}' (${option} ${options[option]})`),
  );
  return [...byRule, ...bySection].map((what) => ({
    host: "router",
    message: `${what} on the router uses the mark ${replyMarkText}, by which ds4 tells the replies of a server with 'egress: isp'`,
    hint: "give it a mark and a mask without that bit, or leave 'egress: isp' out",
  }));
}

/** Whether `MARK` or `MARK/MASK` has ds4's bit. A mask of all bits says that nobody chose one. */
function hasBit(text = ""): boolean {
  const [mark = 0, mask = 0] = text.replace(/^!\s*/, "").split("/").map(Number);
  return ((mask === 0xffffffff ? mark : mark | mask) & replyMark) !== 0;
}

/** The first server's two priorities are ds4's alone; the others' may be somebody's on a router without so many. */
function isOurs(priority: string, rule: string, own: ReadonlySet<string>): boolean {
  const number = Number(priority);
  if (number < rulePriorities(0).main || number > rulePriorities(maxServers - 1).table) return false;
  return number <= rulePriorities(0).table || own.has(rule);
}

const listOf = (numbers: readonly number[]) => `${numbers.slice(0, -1).join(", ")} and ${numbers.at(-1)}`;

/** The rules of a priority, as `readRules` has them. */
const only = (priority: string) =>
  `sed ${quote(`/^${priority}:/!d; s/^${priority}:[[:space:]]*//; s/ proto[^ ]* [^ ]*//; s/ *$//`)}`;

const clear = (priority: string) => `while ip rule del priority ${quote(priority)} 2>/dev/null; do :; done`;

/** Lines of `ip rule`, iproute2's or BusyBox's: priority and the rest in one spacing. */
function readRules(text: string): readonly (readonly [string, string])[] {
  return text.split("\n").flatMap((line) => {
    const match = /^(\d+):\s+(.*?)\s*$/.exec(line);
    return match ? [[match[1] ?? "", (match[2] ?? "").replace(/\s+proto\S* \S+/, "")] as const] : [];
  });
}
