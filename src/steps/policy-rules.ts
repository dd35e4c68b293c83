import type { HostName } from "../core/hosts.js";
import type { Owned } from "../core/owned.js";
import { quote, required, type Section } from "../core/script.js";
import type { Items, State } from "../core/state.js";
import type { Conflict } from "../core/step.js";
import type { Design } from "../hosts/design.js";
import { earlierRules, ownPriorities, rulePriorities } from "../hosts/earlier-rules.js";
import { lanServersOf, type Site, sendersOf, serversOf } from "../inventory/site.js";

/** What ds4 knows of its own on the host whose rules they are. */
type Known = { readonly owned: Owned | undefined; readonly marked: boolean };

/**
 * The bit of marks that says that a packet belongs to a connection which came in by the tunnel. mwan3 has 0x3f00, pbr
 * and Tailscale 0xff0000, and the usual example for tc's ctinfo 0xfd000000.
 */
export const replyMark = 0x02000000;
/** The same with its mask, as UCI and `ip rule` have it. */
export const replyMarkText = `0x${replyMark.toString(16)}/0x${replyMark.toString(16)}`;

/** What a server sends. */
const allOf = (server: string) => `from ${server}`;
/** The same, as far as it belongs to what came in by the tunnel. */
const repliesOf = (server: string) => `from ${server} fwmark ${replyMarkText}`;

/** For each server, first `main` without its default route, so that the LAN and other subnets stay reachable, then the tunnel's table. */
export function wantedRules(site: Site, { slots }: Pick<Design, "slots">): Items {
  return new Map(
    [...slots].flatMap(([server, slot]): [string, State][] => {
      const { main, table } = rulePriorities(slot);
      const which = sendersOf(site).includes(server) ? allOf(server) : repliesOf(server);
      return [
        [String(main), { rule: `${which} lookup main suppress_prefixlength 0` }],
        [String(table), { rule: `${which} lookup ${site.tunnel.table}` }],
      ];
    }),
  );
}

/**
 * More, where the server is this host itself: for what it begins, or answers, without a source of its own, as the
 * kernel looks for a route first and takes the source from that; for the answers of its containers, which have other
 * addresses, by their mark; and what is bound to the uplink leaves by that.
 */
export function wantedOwnRules(site: Site, uplink: string | undefined): Items {
  const both = ({ main, table }: ReturnType<typeof rulePriorities>, which: string): [string, State][] => [
    [String(main), { rule: `${which} lookup main suppress_prefixlength 0` }],
    [String(table), { rule: `${which} lookup ${site.tunnel.table}` }],
  ];
  return new Map([
    ...(uplink === undefined
      ? []
      : [[String(ownPriorities.uplink), { rule: `from all oif ${uplink} lookup main` }] as const]),
    ...both(ownPriorities.sourceless, sourceless),
    ...both(ownPriorities.marked, marked),
  ]);
}

/** What carries ds4's mark. */
const marked = `from all fwmark ${replyMarkText}`;
/** As `ip rule` shows `from 0.0.0.0/32 iif lo`. */
export const sourceless = "from 0.0.0.0 iif lo";

/** Prints the rules, which of their tables have a default route, and which numbers of tables have names. */
export const rulesProbe = `rules=$(ip rule) || exit
echo "$rules"
for t in $(echo "$rules" | sed -n 's/.* lookup \\([^ ]*\\).*/\\1/p' | sort -u); do
  case $(ip route show table "$t" 2>/dev/null) in default* | *"
default"*) echo "default $t" ;; esac
done
sed -n 's/^[[:space:]]*\\([0-9][0-9]*\\)[[:space:]][[:space:]]*\\([^#[:space:]]*\\).*/named \\1 \\2/p' /etc/iproute2/rt_tables /etc/iproute2/rt_tables.d/*.conf 2>/dev/null || :`;

/** ds4's own of what the probe printed. @throws HostError where it failed. */
export function parseRules(section: Section, known: Known, site: Site): Items {
  const items = new Map<string, State>();
  if (!known.marked) return items;
  const own = knownRules(site, known);
  for (const [priority, rule] of readRules(required(section, "ip rule"))) {
    if (!isOurs(priority, rule, own)) continue;
    const other = items.get(priority);
    items.set(priority, { rule: other ? `${other.rule}, ${rule}` : rule });
  }
  return items;
}

/** Rules of others that have ds4's places, or that are asked before it. `deviceOf` says where a server's packets come from. */
export function ruleConflicts(
  host: HostName,
  name: string,
  site: Site,
  wanted: Items,
  known: Known & { readonly rules: string },
  deviceOf: (server: string) => string | undefined,
): readonly Conflict[] {
  const needed = [...wanted.keys()].map(Number).sort((a, b) => a - b);
  const earlier = serversOf(site).flatMap((server) =>
    earlierRules(known.rules, server, deviceOf(server))
      .filter(({ always }) => always)
      .map(({ text }) => ({
        host,
        message: `the routing rule '${text}' on the ${name} comes before ds4's and sends what ${server} sends elsewhere`,
        hint: `give it a priority above ${needed.at(-1)}, or a source that leaves ${server} out`,
      })),
  );
  // ds4 would not know its own rules and routes again: `ip` shows them with the name.
  const named = new RegExp(`^named ${site.tunnel.table} (\\S+)$`, "m").exec(known.rules);
  const called =
    named === null
      ? []
      : [
          {
            host,
            message: `the routing table ${site.tunnel.table} has a name on the ${name}: '${named[1]}'`,
            hint: `take its line out of /etc/iproute2/rt_tables (or rt_tables.d), or choose another table for ds4 with 'tunnel: { table: … }'`,
          },
        ];
  const own = knownRules(site, known);
  const taken = readRules(known.rules)
    .filter(([priority, rule]) =>
      needed.includes(Number(priority))
        ? !known.marked || !isOurs(priority, rule, own)
        : !known.marked && rule.endsWith(`lookup ${site.tunnel.table}`),
    )
    .map(([priority, rule]) => ({
      host,
      message: `somebody has the routing rule '${priority}: ${rule}' on the ${name}`,
      hint: needed.includes(Number(priority))
        ? `ds4 needs the priorities ${listOf(needed)}: give that rule another one`
        : "choose another table for ds4 with 'tunnel: { table: … }'",
    }));
  return [...called, ...earlier, ...taken];
}

/** The rules of the servers that are wanted and that were, in the form in which ds4 makes them. */
export function knownRules(site: Site, { owned }: Known): ReadonlySet<string> {
  const servers = [...lanServersOf(site), ...(owned?.tunnel?.servers ?? [])];
  const tables = [site.tunnel.table, owned?.tunnel?.table ?? site.tunnel.table];
  return new Set(
    [...servers.flatMap((server) => [allOf(server), repliesOf(server)]), sourceless, marked].flatMap(
      (which) => [
        `${which} lookup main suppress_prefixlength 0`,
        ...tables.map((table) => `${which} lookup ${table}`),
      ],
    ),
  );
}

/** The first server's two priorities are ds4's alone; the others' may be somebody's on a host without so many. */
function isOurs(priority: string, rule: string, own: ReadonlySet<string>): boolean {
  const number = Number(priority);
  if (number === ownPriorities.uplink) return /^from all oif \S+ (\[detached\] )?lookup main$/.test(rule);
  if (number < rulePriorities(0).main || number > ownPriorities.marked.table) return false;
  return number <= rulePriorities(0).table || own.has(rule);
}

const listOf = (numbers: readonly number[]) => `${numbers.slice(0, -1).join(", ")} and ${numbers.at(-1)}`;

/** Takes away whatever has this priority. */
export const clearRule = (priority: string) =>
  `while ip rule del priority ${quote(priority)} 2>/dev/null; do :; done`;

/**
 * Has this rule alone at this priority; one that is there stays, as in between, packets would go elsewhere. `typed` is
 * how it is added, where `ip rule` doesn't take it in the form in which it shows it.
 */
export function makeRule(priority: string, rule: string, typed = rule, protocol = "static"): string {
  // What `readRules` makes of it.
  const only = `sed ${quote(`/^${priority}:/!d; s/^${priority}:[[:space:]]*//; s/ proto[^ ]* [^ ]*//; s/ *$//`)}`;
  return `[ "$(ip rule | ${only})" = ${quote(rule)} ] || { ${clearRule(priority)}; ip rule add priority ${quote(priority)} ${typed} protocol ${protocol}; }`;
}

/** Lines of `ip rule`, iproute2's or BusyBox's: priority and the rest in one spacing. */
export function readRules(text: string): readonly (readonly [string, string])[] {
  return text.split("\n").flatMap((line) => {
    const match = /^(\d+):\s+(.*?)\s*$/.exec(line);
    return match ? [[match[1] ?? "", (match[2] ?? "").replace(/\s+proto\S* \S+/, "")] as const] : [];
  });
}
