import { HostError } from "../../core/errors.js";
import { quote } from "../../core/script.js";
import type { State } from "../../core/state.js";
import { wanted } from "../../core/step.js";
import type { World } from "../../hosts/world.js";
import { protocolNumber, protocolWord } from "../../inventory/protocols.js";
import { lanServersOf, serversOf } from "../../inventory/site.js";
import { bogons } from "../bogons.js";
import { barrierConflicts } from "./barriers.js";
import { type BootStep, renderByBootScript } from "./boot.js";
import { forgetMoved, forgetServers, targetsOf } from "./forget.js";
import { type Place, placeOf } from "./places.js";
import { portConflicts } from "./port-conflicts.js";
import { turnOver } from "./turn-over.js";

type Group = {
  readonly family: "ipv6" | "ipv4";
  /** Table, and built-in chain that jumps to the own one. */
  readonly places: readonly (readonly [table: string, hook: string])[];
  own(hook: string): string;
};
const own = (hook: string) => `DS4-${hook}`;

/** Own chains, by item. Those of a relay aren't those of a tunnel: one goes before the other comes. */
const groups = {
  ipv6: { family: "ipv6", places: [["filter", "INPUT"]], own },
  // Filters stand before `nat` turns traffic over.
  ipv4: {
    family: "ipv4",
    places: [
      ["filter", "INPUT"],
      ["filter", "FORWARD"],
      ["mangle", "PREROUTING"],
      ["mangle", "FORWARD"],
      ["nat", "PREROUTING"],
      ["nat", "POSTROUTING"],
    ],
    own,
  },
  relay: { family: "ipv4", places: [["filter", "INPUT"]], own: () => "DS4-RELAY" },
} satisfies Readonly<Record<string, Group>>;
type Name = keyof typeof groups;
const names = Object.keys(groups) as readonly Name[];
const groupOf = (name: Name): Group => groups[name];

const families = ["ipv6", "ipv4"] as const;
const tools = { ipv6: "ip6tables", ipv4: "iptables" } as const;

const chainField = (table: string, chain: string) => `${table} ${chain}`;
const jumpField = (table: string, hook: string) => `${table} ${hook} jump`;
const tablesOf = ({ places }: Group) => [...new Set(places.map(([table]) => table))];
const hooksOf = ({ places }: Group, table: string) =>
  places.filter(([t]) => t === table).map(([, hook]) => hook);

/** The state of a group whose jumps are where they should be; `rules` are those of `TABLE HOOK`. */
export function groupState(name: Name, rules: Readonly<Record<string, readonly string[]>>): State {
  const group = groupOf(name);
  return Object.fromEntries(
    group.places.flatMap(([table, hook]) => [
      [chainField(table, group.own(hook)), rules[`${table} ${hook}`] ?? []],
      [jumpField(table, hook), "first"],
    ]),
  );
}

/** The rules of each own chain, in the normal form in which iptables prints them (1.8.7 to 1.8.11). */
function rules({
  site,
  design,
}: World): Readonly<Record<"ipv6" | "ipv4", Readonly<Record<string, readonly string[]>>>> {
  const servers = serversOf(site).map((server) => `${server}/32`);
  const address = `${design.uplinkIPv4}/32`;
  const [tunnel, uplink] = [site.tunnel.name, design.uplink];
  const known = "-m conntrack --ctstate RELATED,ESTABLISHED";
  const clamp = "-p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu";
  return {
    ipv6: {
      // The outer packets: from the other end of the tunnel, and from nobody else.
      "filter INPUT": [
        `-s ${design.remote}/128 -d ${design.local}/128 -p 4 -j ACCEPT`,
        `-d ${design.local}/128 -p 4 -j DROP`,
      ],
    },
    ipv4: {
      "filter INPUT": [`-i ${tunnel} -m conntrack ! --ctstate RELATED,ESTABLISHED -j DROP`],
      "filter FORWARD": [
        // First what most packets are. ICMP errors are among it: a router on the way may have a private address.
        ...servers.flatMap((server) => [
          `-s ${server} -i ${tunnel} -o ${uplink} ${known} -j ACCEPT`,
          `-d ${server} -i ${uplink} -o ${tunnel} ${known} -j ACCEPT`,
        ]),
        // No visitor has such an address, and what the server sends there would end in the provider's own network.
        ...bogons.map((range) => `-s ${range} -o ${tunnel} -j DROP`),
        ...bogons.map((range) => `-d ${range} -i ${tunnel} -j DROP`),
        ...servers.flatMap((server) => [
          `-s ${server} -i ${tunnel} -o ${uplink} -j ACCEPT`,
          `-d ${server} -i ${uplink} -o ${tunnel} -m conntrack --ctstate DNAT -j ACCEPT`,
        ]),
        `-i ${tunnel} -j DROP`,
        `-o ${tunnel} -j DROP`,
      ],
      // Before routing, where even a packet with its last TTL would still be answered.
      "mangle PREROUTING":
        servers.length === 1
          ? [`! -s ${servers[0]} -i ${tunnel} -j DROP`]
          : [...servers.map((server) => `-s ${server} -i ${tunnel} -j RETURN`), `-i ${tunnel} -j DROP`],
      "mangle FORWARD": [`-o ${tunnel} ${clamp}`, `-i ${tunnel} ${clamp}`],
      "nat PREROUTING": [
        ...design.keepPorts.map(
          (port) => `-d ${address} -i ${uplink} -p tcp -m tcp --dport ${port} -j RETURN`,
        ),
        ...turnOver(site.forwards, `-d ${address} -i ${uplink}`),
      ],
      "nat POSTROUTING": servers.map(
        (server) => `-s ${server} -o ${uplink} -j SNAT --to-source ${design.uplinkIPv4}`,
      ),
    },
  };
}

/**
 * Own chains with one jump each, at the first position of a built-in chain: nothing of another tool is touched,
 * and no policy or REJECT of another tool comes before them.
 */
export const chains: BootStep = {
  name: "chains",
  layer: "live",
  turnsTraffic: true,
  desired: (world) => {
    const all = rules(world);
    return new Map(families.map((family) => [family, groupState(family, all[family])]));
  },
  // Not `iptables -S`, which loads the modules of the tables that it is asked for.
  probe: () => `command -v iptables-save >/dev/null || exit 0
${families.map((family) => `echo '@ ${family}'; ${tools[family]}-save`).join(" || exit\n")}`,
  parse: (section, facts, site) => {
    if (section.code !== 0) throw new HostError(`iptables-save failed: ${section.stdout.trim()}`);
    if (!facts.marked) return new Map();
    const about = {
      devices: [facts.owned?.tunnel?.name ?? site.tunnel.name, site.vps.uplink ?? facts.uplink?.name ?? ""],
      servers: facts.owned?.tunnel?.servers ?? lanServersOf(site),
    };
    const items = new Map<string, State>();
    for (const part of section.stdout.split(/^@ /m).slice(1)) {
      for (const name of names) {
        const group = groupOf(name);
        const fields = part.startsWith(group.family) ? readTables(group, part, about) : [];
        if (fields.length > 0) items.set(name, Object.fromEntries(fields));
      }
    }
    return items;
  },
  up: (id, state) => {
    const group = groupOf(id as Name);
    const tool = tools[group.family];
    return [
      "{",
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
            `  ${tool} -w -t ${table} -S ${hook} | sed -n 's/^-A \\(${hook} .*-j ${chain}\\)$/-D \\1/p'`,
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
    const removed = changes.filter(({ to }) => to === undefined).map(({ id }) => groupOf(id as Name));
    const rulesOfNat = (state: State) => listOf(state[chainField("nat", own("PREROUTING"))]);
    return [
      ...(changes.some(({ from, to }) => from === undefined && to) ? [keepTables] : []),
      ...renderByBootScript(
        chains,
        changes,
        (id, state) => [...remove(groupOf(id as Name)), ...forgetServers(targetsOf(rulesOfNat(state)))],
        context,
      ),
      ...wanted(changes).flatMap(({ from, to }) =>
        from === undefined ? [] : forgetMoved(rulesOfNat(from), rulesOfNat(to)),
      ),
      ...removed.flatMap(removeOwnTables),
      ...(removed.length > 0 ? [forgetSaved] : []),
    ];
  },
  conflicts: (world) => [...barrierConflicts(world), ...portConflicts(world)],
};

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
        [jumpField(table, hook), placeOf({ hook, chain, ...about }, (name) => rulesOf(lines, name))],
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
const keepTables = `[ -e ${before} ] || ! command -v nft >/dev/null || (
  mkdir -p -m 700 /etc/ds4 /etc/ds4/before
  umask 077
  nft list chains | awk '$1 == "table" { t = $2 " " $3; print "table " t } $1 == "chain" { print "chain " t " " $2 }' >${before}
)`;

function remove(group: Group): readonly string[] {
  const tool = tools[group.family];
  // What turns traffic over goes first.
  return [...group.places]
    .reverse()
    .flatMap(([table, hook]) => [
      `while ${tool} -w -t ${table} -D ${hook} -j ${group.own(hook)} 2>/dev/null; do :; done`,
      `! ${tool} -w -t ${table} -F ${group.own(hook)} 2>/dev/null || ${tool} -w -t ${table} -X ${group.own(hook)} || :`,
    ]);
}

/** Built-in chains and tables that ds4's own rules made, and that hold nothing: they go as they came. */
function removeOwnTables(group: Group): readonly string[] {
  const nftFamily = group.family === "ipv4" ? "ip" : "ip6";
  const drop = (what: string) =>
    `[ ! -e ${before} ] || grep -qx ${quote(what)} ${before} || nft list ${what} 2>/dev/null | grep -Evq ${quote(nothing)} || nft delete ${what} 2>/dev/null || :`;
  return tablesOf(group).flatMap((table) => [
    ...hooksOf(group, table).map((hook) => drop(`chain ${nftFamily} ${table} ${hook}`)),
    drop(`table ${nftFamily} ${table}`),
  ]);
}

/** What `netfilter-persistent save` wrote down while ds4 was there would come back with the next boot. */
const forgetSaved =
  "for f in /etc/iptables/rules.v4 /etc/iptables/rules.v6; do ! grep -qs '[ :]DS4-' $f || sed -i --follow-symlinks '/^\\(:\\|-A \\([A-Z]* -j \\)\\{0,1\\}\\)DS4-/d' $f; done";

/** Lines of `nft list` that are no rule, and no policy of somebody's. */
const nothing = "^(#.*|table .*|[[:space:]]*chain .*|[[:space:]]*type .* policy accept;|[[:space:]]*[}]|)$";
