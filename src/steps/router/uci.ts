import { runFolder } from "../../core/dead-man-switch.js";
import { quote } from "../../core/script.js";
import type { Change, State } from "../../core/state.js";
import { unwanted, wanted } from "../../core/step.js";
import { suffixOf } from "../../hosts/design.js";
import { rulePriorities } from "../../hosts/earlier-rules.js";
import type { RouterWorld } from "../../hosts/world.js";
import { showPorts } from "../../inventory/forwards.js";
import { protocolWord } from "../../inventory/protocols.js";
import { sendersOf } from "../../inventory/site.js";
import { bogons } from "../bogons.js";
import { inboundRules } from "../inbound.js";
import { replyMarkText } from "../policy-rules.js";
import { privateRanges } from "../private-ranges.js";
import { firewallStale, type RouterStep, reloadFirewall, reloadStale, unreachableMetric } from "./step.js";

const everything = "0.0.0.0/0";

/** The UCI sections, by `package.section`; `.type` is the section's type. */
function sections({ site, design }: RouterWorld): readonly (readonly [string, State])[] {
  const table = String(site.tunnel.table);
  return [
    // netifd sees the device come and go, and keeps the route of its own accord.
    ["network.ds4_tunnel", { ".type": "interface", proto: "none", device: site.tunnel.name }],
    // On lo and not on the tunnel: with a tunnel MTU below 1280 the kernel takes IPv6 off that device.
    [
      "network.ds4_endpoint",
      {
        ".type": "interface",
        proto: "static",
        device: "lo",
        ip6addr: [`${design.remote}/128`],
        ip6deprecated: "1",
      },
    ],
    ...[...design.slots].flatMap(([server, slot]): readonly (readonly [string, State])[] => {
      const suffix = suffixOf(design, server);
      const priorities = rulePriorities(slot);
      const by = {
        src: `${server}/32`,
        ...(sendersOf(site).includes(server) ? {} : { mark: replyMarkText }),
      };
      return [
        [
          `network.ds4_rule_main${suffix}`,
          {
            ".type": "rule",
            ...by,
            lookup: "main",
            suppress_prefixlength: "0",
            priority: String(priorities.main),
          },
        ],
        [
          `network.ds4_rule_table${suffix}`,
          { ".type": "rule", ...by, lookup: table, priority: String(priorities.table) },
        ],
      ];
    }),
    ["network.ds4_route", { ".type": "route", interface: "ds4_tunnel", target: everything, table }],
    [
      "network.ds4_unreachable",
      {
        ".type": "route",
        interface: "loopback",
        target: everything,
        table,
        type: "unreachable",
        metric: String(unreachableMetric),
      },
    ],
    ...privateRanges.map(
      (target) =>
        [
          `network.ds4_throw_${target.replaceAll(/[./]/g, "_")}`,
          { ".type": "route", interface: "loopback", target, table, type: "throw" },
        ] as const,
    ),
    // A zone of its own: in wan, the server's new connections would be masqueraded.
    [
      "firewall.ds4_zone",
      {
        ".type": "zone",
        name: "ds4",
        device: [site.tunnel.name],
        input: "REJECT",
        output: "ACCEPT",
        forward: "REJECT",
        mtu_fix: "1",
      },
    ],
    [
      "firewall.ds4_outer",
      {
        ".type": "rule",
        name: "ds4_outer",
        src: design.wanZone,
        family: "ipv6",
        // The number: 'ipip' is 94 and never matches, another word makes nft refuse the whole ruleset.
        proto: "4",
        src_ip: design.local,
        dest_ip: design.remote,
        target: "ACCEPT",
      },
    ],
    ...inboundRules({ site, design }).map(
      ({ name, server, protocol, ports }) =>
        [
          `firewall.${name}`,
          {
            ".type": "rule",
            name,
            src: "ds4",
            // Here as well as below: the two stand in either order, as a section that is mended gets to the end.
            src_ip: bogons.map((range) => `!${range}`),
            dest: design.lanZone,
            dest_ip: server,
            ...(ports === undefined ? {} : { dest_port: ports.map(showPorts) }),
            family: "ipv4",
            proto: protocol === undefined ? "all" : protocolWord(protocol),
            target: "ACCEPT",
          },
        ] as const,
    ),
    // Dropped, not rejected: the answer would go out by the provider.
    [
      "firewall.ds4_bogon",
      {
        ".type": "rule",
        name: "ds4_bogon",
        src: "ds4",
        src_ip: bogons,
        dest: "*",
        family: "ipv4",
        proto: "all",
        target: "DROP",
      },
    ],
    ...sendersOf(site).map((server) => {
      const name = `ds4_out${suffixOf(design, server)}`;
      return [
        `firewall.${name}`,
        {
          ".type": "rule",
          name,
          src: design.lanZone,
          src_ip: server,
          dest: "ds4",
          family: "ipv4",
          proto: "all",
          target: "ACCEPT",
        },
      ] as const;
    }),
  ];
}

/**
 * Interfaces, rules, routes and firewall as UCI sections. All of them are named `ds4_…`, so that LuCI shows whose
 * they are, and stand at the end of their files, so that no anonymous section's number changes.
 */
export const uci: RouterStep = {
  name: "uci",
  layer: "configured",
  desired: (world) => new Map(sections(world)),
  probe: () => "",
  parse: (_, facts) =>
    new Map(
      [
        ...facts.network.map((section) => ["network", section] as const),
        ...facts.firewall.map((section) => ["firewall", section] as const),
      ]
        .filter(([, { name }]) => name.startsWith("ds4_"))
        .map(([name, section]): [string, State] => [
          `${name}.${section.name}`,
          { ".type": section.type, ...section.options },
        ]),
    ),
  render: (changes, context) => {
    const lines = changes.flatMap(batch);
    const ids = changes.map(({ id }) => quote(id)).join(" ");
    const packages = ["network", "firewall"].filter((name) =>
      changes.some(({ id }) => id.startsWith(`${name}.`)),
    );
    const removal = lines.length === 0;
    if (packages.includes("firewall")) context.finally(reloadFirewall);
    // An undo has to work, also where somebody has staged something of theirs meanwhile.
    const count = context.standalone ? "grep -c '^-\\{0,1\\}[a-z]*\\.ds4_'" : "wc -l";
    const staged = `{ ${packages.map((name) => `uci changes ${name}`).join("; ")}; }`;
    return [
      ...changes.map(({ id }) => context.mark(id)),
      // Somebody else's staged changes stay.
      `drop() { for s in ${ids}; do uci -q revert "$s" || :; done; }`,
      // What a change that was cut off has staged.
      `[ -z "$(${staged})" ] || drop`,
      `( umask 077; mkdir -p ${runFolder}; : >${batchFile} )`,
      `has=$(${packages.map((name) => `uci -q show ${name}`).join(" && ")}) || fail "uci can't show what there is of ${packages.join(" and ")}"`,
      "{",
      // A changed section is made anew, so that no option of somebody else's stays in it.
      `for s in ${ids}; do case $has in *"$s="*) echo "delete $s" ;; esac; done`,
      ...(removal ? [] : ["cat <<'DS4'", ...lines, "DS4"]),
      `} >${batchFile}`,
      `if [ -s ${batchFile} ]; then`,
      `uci batch <${batchFile} >/dev/null`,
      // 'uci batch' ends with 0 whatever happens, so what it staged is counted, and fw4 is asked about it.
      `staged=$(${staged} | ${count}); asked=$(wc -l <${batchFile})`,
      `[ "$staged" -eq "$asked" ] || { drop; fail "uci staged $staged changes of $asked"; }`,
      // A removal breaks nothing, and has to work whatever else is wrong.
      ...(packages.includes("firewall") && !removal
        ? [
            `said=$(fw4 check 2>&1) || { drop; fail "fw4 check refuses the new rules: $said"; }`,
            `case $said in *'Section ds4_'*) drop; fail "fw4 would leave out: $said" ;; esac`,
          ]
        : []),
      ...packages.map((name) => `uci commit ${name} || fail "uci can't commit ${name}"`),
      ...(packages.includes("firewall") ? [firewallStale] : []),
      // What is sent another way is let through there before.
      ...(removal ? [] : [reloadStale]),
      ...(packages.includes("network") ? ["/etc/init.d/network reload", ...settle(changes)] : []),
      "fi",
      `rm -f ${batchFile}`,
    ];
  },
  hindrances: (router) => [
    ...(router.staged.length === 0
      ? []
      : [
          {
            host: "router" as const,
            message: `somebody has unsaved UCI changes on the router, which would be saved along: ${router.staged.slice(0, 3).join(", ")}${router.staged.length > 3 ? ", …" : ""}`,
            hint: "save them ('uci commit') or drop them ('uci revert network; uci revert firewall') first",
          },
        ]),
    ...(router.pendingApply
      ? [
          {
            host: "router" as const,
            message:
              "LuCI is waiting for the confirmation of a change; if that doesn't come, it will undo ds4's, too",
            hint: "finish it in LuCI, or wait two minutes and try again",
          },
        ]
      : []),
  ],
  conflicts: ({ router }) => [
    ...(router.zones.some(({ name }) => name === "ds4") &&
    !router.firewall.some(({ name }) => name === "ds4_zone")
      ? [
          {
            host: "router" as const,
            message: "there is a firewall zone named 'ds4' already, and it isn't ds4's",
            hint: "rename or remove it in LuCI under Network > Firewall",
          },
        ]
      : []),
  ],
};

const batchFile = `${runFolder}/batch`;

/** One line of `uci batch` for each line that `uci changes` will then show. */
function batch({ id, to }: Change): readonly string[] {
  if (to === undefined) return [];
  const { ".type": type, ...options } = to;
  return [
    `set ${id}=${String(type)}`,
    ...Object.entries(options).flatMap(([name, value]) =>
      Array.isArray(value)
        ? value.map((one: string) => `add_list ${id}.${name}=${uciQuote(one)}`)
        : [`set ${id}.${name}=${uciQuote(String(value))}`],
    ),
  ];
}

/** uci's own quoting of a batch line. */
function uciQuote(value: string): string {
  return `'${value.replaceAll("'", `'\\''`)}'`;
}

/** `network reload` returns before netifd is done: waits, 20 s at most, until the kernel shows what was asked for. */
function settle(changes: readonly Change[]): readonly string[] {
  // The firewall has sections of the type `rule`, too.
  const own = changes.filter(({ id }) => id.startsWith("network."));
  const tests = [
    ...wanted(own).map(({ to }) => [to, ""] as const),
    ...unwanted(own).map(({ from }) => [from, "! "] as const),
  ].flatMap(([state, not]) => shown(state).map((test) => `${not}${test}`));
  if (tests.length === 0) return [];
  return [
    `settled() { ${tests.map((test) => `${test} || return 1`).join("; ")}; }`,
    "n=0; until settled 2>/dev/null || [ $n -ge 20 ]; do sleep 1; n=$((n+1)); done",
  ];
}

const shownRoute = ({ type, target }: State) =>
  [...(type === undefined ? [] : [type]), target === everything ? "default" : target].join(" ");

function shown(state: State): readonly string[] {
  switch (state[".type"]) {
    case "rule":
      return [
        `ip rule | grep -q ${quote(`^${state.priority}:.*from ${String(state.src).replace(/\/32$/, "")} ${state.mark === undefined ? "lookup" : "fwmark"} `)}`,
      ];
    case "route":
      return [
        `ip route show table ${quote(String(state.table))} | grep -q ${quote(`^${shownRoute(state)} `)}`,
      ];
    case "interface":
      return Array.isArray(state.ip6addr)
        ? [`ip -6 addr show dev lo | grep -q ${quote(`inet6 ${state.ip6addr[0]} `)}`]
        : [];
    default:
      return [];
  }
}
