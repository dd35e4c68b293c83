import { HostError } from "../../core/errors.js";
import { keepNote, quote } from "../../core/script.js";
import type { Items, State } from "../../core/state.js";
import { type Conflict, wanted } from "../../core/step.js";
import { withoutWarnings } from "../../hosts/linux/iptables-save.js";
import type { World } from "../../hosts/world.js";
import { protocolNumber, protocolWord } from "../../inventory/protocols.js";
import { lanServersOf, type Site } from "../../inventory/site.js";
import { type BootStep, renderByBootScript } from "./boot.js";
import { forgetMoved, forgetServers, targetsOf } from "./conntrack.js";
import { type Place, placeOf } from "./jump-position.js";
import type { Role } from "./role.js";

const families = ["ipv6", "ipv4"] as const;

/** Own chains that are made, and taken away, at once. */
export type Group = {
  readonly family: (typeof families)[number];
  /** Table, and built-in chain that jumps to the own one. Filters stand before `nat` turns traffic over. */
  readonly places: readonly (readonly [table: string, hook: string])[];
  /** The name of the own chain. */
  own(hook: string): string;
};

/** By item. */
export type Groups = Readonly<Record<string, Group>>;

/** The name of a tunnel's own chain. */
export const own = (hook: string) => `DS4-${hook}`;

/**
 * By item, the rules of each own chain (`filter INPUT`), in the normal form in which iptables prints them (1.8.7 to
 * 1.8.11).
 */
export type Rules = Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;

export type ChainsOf<W extends World> = Pick<Role<W>, "turnsTraffic"> & {
  readonly groups: Groups;
  rules(world: W): Rules;
  /** The device that the inventory names as the uplink. */
  uplink(site: Site): string | undefined;
  conflicts(world: W): readonly Conflict[];
};

/** What belongs to a connection that is known: answers, and the ICMP errors of any router on the way. */
export const known = "-m conntrack --ctstate RELATED,ESTABLISHED";

/** Has TCP send segments that fit into the tunnel. */
export const clamp = "-p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu";

const tools = { ipv6: "ip6tables", ipv4: "iptables" } as const;

const chainField = (table: string, chain: string) => `${table} ${chain}`;
const jumpField = (table: string, hook: string) => `${table} ${hook} jump`;
const tablesOf = ({ places }: Group) => [...new Set(places.map(([table]) => table))];
const hooksOf = ({ places }: Group, table: string) =>
  places.filter(([t]) => t === table).map(([, hook]) => hook);

/** The items with these rules, and with each jump where it should be. */
export function chainItems(groups: Groups, rules: Rules): Items {
  return new Map(
    Object.entries(rules).map(([id, chains]): [string, State] => {
      const group = groupOf(groups, id);
      const fields = group.places.flatMap(([table, hook]) => [
        [chainField(table, group.own(hook)), chains[`${table} ${hook}`] ?? []],
        [jumpField(table, hook), "first"],
      ]);
      return [id, Object.fromEntries(fields)];
    }),
  );
}

function groupOf(groups: Groups, id: string): Group {
  const group = groups[id];
  if (group === undefined) throw new Error(`no chains are called ${id}`);
  return group;
}

/**
 * Own chains with one jump each, at the first position of a built-in chain: nothing of another tool is touched,
 * and no policy or REJECT of another tool comes before them.
 */
export function chainsStep<W extends World>(of: ChainsOf<W>): BootStep<W> {
  const { groups } = of;
  const step: BootStep<W> = {
    name: "chains",
    layer: "live",
    turnsTraffic: of.turnsTraffic,
    desired: (world) => chainItems(groups, of.rules(world)),
    // Not `iptables -S`, which loads the modules of the tables that it is asked for.
    probe: () => `command -v iptables-save >/dev/null || exit 0
${families.map((family) => `echo '@ ${family}'; ${tools[family]}-save`).join(" || exit\n")}`,
    parse: (section, facts, site) => {
      if (section.code !== 0) throw new HostError(`iptables-save failed: ${section.stdout.trim()}`);
      const foreign = /^# Table `(\w+)' is incompatible/m.exec(section.stdout)?.[1];
      if (foreign !== undefined) {
        throw new HostError(
          `iptables can't read its table ${foreign}: it holds a rule that was made by 'nft'`,
          {
            hint: `'nft list ruleset' shows it; give it to a table of its own ('nft add table …'), which iptables leaves alone`,
          },
        );
      }
      if (!facts.marked) return new Map();
      const about = {
        devices: [facts.owned?.tunnel?.name ?? site.tunnel.name, of.uplink(site) ?? facts.uplink?.name ?? ""],
        servers: facts.owned?.tunnel?.servers ?? lanServersOf(site),
      };
      const items = new Map<string, State>();
      for (const part of withoutWarnings(section.stdout).split(/^@ /m).slice(1)) {
        for (const [id, group] of Object.entries(groups)) {
          const fields = part.startsWith(group.family) ? readTables(group, part, about) : [];
          if (fields.length > 0) items.set(id, Object.fromEntries(fields));
        }
      }
      return items;
    },
    note,
    up: (id, state) => {
      const group = groupOf(groups, id);
      const tool = tools[group.family];
      return [
        "{",
        ...saved(group),
        ...tablesOf(group).flatMap((table) => [
          `  echo '*${table}'`,
          ...hooksOf(group, table).flatMap((hook) => {
            const chain = group.own(hook);
            return [
              `  echo ':${chain} - [0:0]'`,
              ...listOf(state[chainField(table, chain)]).map(
                (rule) => `  echo ${quote(`-A ${chain} ${rule}`)}`,
              ),
              // All jumps that are there go, and one comes first, in the same transaction.
              `  jumps ${table} ${hook} ${chain}`,
              ...placesOf(state[jumpField(table, hook)]).map(
                (place) => `  echo '-I ${hook} ${place} -j ${chain}'`,
              ),
            ];
          }),
          "  echo COMMIT",
        ]),
        `} | ${tool}-restore --noflush -w`,
      ];
    },
    render: (changes, context) => {
      const removed = changes.filter(({ to }) => to === undefined).map(({ id }) => groupOf(groups, id));
      const rulesOfNat = (state: State) => listOf(state[chainField("nat", own("PREROUTING"))]);
      return [
        ...(changes.some(({ from, to }) => from === undefined && to) ? note : []),
        ...renderByBootScript(
          step,
          changes,
          (id, state) => [...remove(groupOf(groups, id)), ...forgetServers(targetsOf(rulesOfNat(state)))],
          context,
        ),
        ...wanted(changes).flatMap(({ from, to }) =>
          from === undefined ? [] : forgetMoved(rulesOfNat(from), rulesOfNat(to)),
        ),
        ...(removed.length > 0 ? [...removeOwnTables(removed), forgetSaved] : []),
      ];
    },
    conflicts: of.conflicts,
  };
  return step;
}

/**
 * Lines that read all rules once, and then have `jumps TABLE HOOK CHAIN` print what takes away each jump there. For a
 * subshell: words are lines after it. Nothing is listed while `iptables-restore` runs, which has the lock of older ones.
 */
function saved({ family, places }: Group): readonly string[] {
  const tool = tools[family];
  const hooks = places.map(([table, hook]) => `echo '*${table}'; ${tool} -t ${table} -S ${hook}`);
  return [
    // One rule of somebody's that it can't print, and it fails, or leaves out that table.
    `  saved=$(${tool}-save) && case $saved in *' is incompatible'*) false ;; esac ||`,
    `    saved=$({ ${hooks.join("; ")}; } 2>/dev/null || :)`,
    "  IFS='",
    "\t'",
    "  set -f",
    "  jumps() {",
    "    table=",
    "    for line in $saved; do",
    "      case $line in",
    "      '*'*) table=${line#?} ;;",
    `      "-A $2 "*"-j $3") [ "$table" != "$1" ] || printf '%s\\n' "-D \${line#-A }" ;;`,
    "      esac",
    "    done",
    "  }",
  ];
}

/** The inverse of `placeOf`. */
function placesOf(jump: State[string] | undefined): readonly number[] {
  return jump === "first" ? [1] : [...String(jump).matchAll(/\d+/g)].map(([place]) => Number(place));
}

function listOf(value: State[string] | undefined): readonly string[] {
  return Array.isArray(value) ? value : [];
}

/** What `iptables-save` says of ds4's chains. */
function readTables(
  group: Group,
  text: string,
  about: Pick<Place, "devices" | "servers">,
): [string, string | readonly string[]][] {
  return text.split(/^\*/m).flatMap((part) => {
    const [table = "", ...rest] = part.split("\n");
    // Older ones print protocols by their names; comments are quoted only where they need it.
    const lines = rest.map((line) =>
      (line.startsWith("-A DS4-") ? numbered(line) : line).replaceAll('"', ""),
    );
    return hooksOf(group, table)
      .map((hook) => [hook, group.own(hook)] as const)
      .filter(([, chain]) => lines.some((line) => line.startsWith(`:${chain} `)))
      .flatMap(([hook, chain]): [string, string | readonly string[]][] => [
        [chainField(table, chain), rulesOf(lines, chain)],
        [
          jumpField(table, hook),
          placeOf({ hook, chain, ...about }, (name) =>
            lines.some((line) => line.startsWith(`:${name} `)) ? rulesOf(lines, name) : undefined,
          ),
        ],
      ]);
  });
}

/** A rule with its protocol as ds4 writes it. */
function numbered(line: string): string {
  return line.replace(/ -p ([a-z]\S*) /, (_, name: string) => {
    const number = protocolNumber(name);
    return ` -p ${number === undefined ? name : protocolWord(number)} `;
  });
}

function rulesOf(lines: readonly string[], chain: string): readonly string[] {
  const prefix = `-A ${chain} `;
  return lines.filter((line) => line.startsWith(prefix)).map((line) => line.slice(prefix.length));
}

const before = "/etc/ds4/before/nft";

/** Which nft tables and chains there are before the first rule: iptables makes some on the way and never removes them. */
const note = [
  `[ -e ${before} ] || ! command -v nft >/dev/null || (
  mkdir -p -m 700 /etc/ds4 /etc/ds4/before
  umask 077
  nft list chains | awk '$1 == "table" { t = $2 " " $3; print "table " t } $1 == "chain" { print "chain " t " " $2 }' >${before}.new
  ${keepNote(`${before}.new`, before)}
)`,
];

function remove({ family, places, own }: Group): readonly string[] {
  const tool = tools[family];
  // What turns traffic over goes first.
  return [...places]
    .reverse()
    .flatMap(([table, hook]) => [
      `while ${tool} -w -t ${table} -D ${hook} -j ${own(hook)} 2>/dev/null; do :; done`,
      `! ${tool} -w -t ${table} -F ${own(hook)} 2>/dev/null || ${tool} -w -t ${table} -X ${own(hook)} || fail "${tool} can't remove ${own(hook)}"`,
    ]);
}

/** Built-in chains and tables that ds4's own rules made, and that hold nothing: they go as they came. */
function removeOwnTables(groups: readonly Group[]): readonly string[] {
  const ours = groups.flatMap((group) =>
    tablesOf(group).flatMap((table) => {
      const inNft = `${group.family === "ipv4" ? "ip" : "ip6"} ${table}`;
      return [`table ${inNft}`, ...hooksOf(group, table).map((hook) => `chain ${inNft} ${hook}`)];
    }),
  );
  return [
    `[ ! -e ${before} ] || ! command -v nft >/dev/null || nft list ruleset | awk -v before=${before} -v ours=${quote([...new Set(ours)].join(","))} ${quote(emptyOnes)} | nft -f - || :`,
  ];
}

/**
 * Of `ours`, what wasn't there before and holds no rule, as lines for `nft -f`. An own table goes with all its chains, if
 * none of them has a rule, or a policy, or is no built-in one: `netfilter-persistent` makes them all.
 */
const emptyOnes = `BEGIN { n = split(ours, names, ","); for (i = 1; i <= n; i++) mine[names[i]] = 1
  while ((getline line <before) > 0) delete mine[line] }
/^(#|$)/ { next }
/^table / { table = $2 " " $3; chain = ""; used = 0; next }
/^\tchain / { chain = "chain " table " " $2; rules = 0; built_in = 0; next }
/^\t}/ && chain != "" { if (rules || !built_in) used = 1; else if (chain in mine) print "delete " chain; chain = ""; next }
/^}/ { if (!used && ("table " table) in mine) print "delete table " table; next }
/^\t\ttype .* policy accept;$/ { built_in = 1; next }
{ if (chain == "") used = 1; else rules = 1 }`;

/** What `netfilter-persistent save` wrote down while ds4 was there would come back with the next boot. */
const forgetSaved =
  "for f in /etc/iptables/rules.v4 /etc/iptables/rules.v6; do ! grep -qs '[ :]DS4-' $f || sed -i --follow-symlinks '/^\\(:\\|-A \\([A-Z]* -j \\)\\{0,1\\}\\)DS4-/d' $f; done";
