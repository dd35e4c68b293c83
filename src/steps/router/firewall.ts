import { HostError } from "../../core/errors.js";
import type { State } from "../../core/state.js";
import { suffixOf } from "../../hosts/design.js";
import type { RouterDesign } from "../../hosts/router/design.js";
import type { RouterFacts } from "../../hosts/router/facts.js";
import { valuesOf } from "../../hosts/router/uci.js";
import { contains6 } from "../../inventory/addresses.js";
import { type PortRange, showPorts } from "../../inventory/forwards.js";
import { protocolName, protocolNumber } from "../../inventory/protocols.js";
import { sendersOf } from "../../inventory/site.js";
import { bogons } from "../bogons.js";
import { inboundRules } from "../inbound.js";
import { nftChains } from "./nftables.js";
import { type RouterStep, reloadFirewall } from "./step.js";

/**
 * The firewall as the kernel has it: what fw4 made of ds4's zone and rules. fw4 leaves a section out that it
 * doesn't like and its init script ends with 0 all the same, so only this says whether the rules are there.
 */
export const firewall: RouterStep = {
  name: "firewall",
  layer: "live",
  desired: (world) => {
    const { site, design } = world;
    const included = nftChains(world).flatMap(({ name, rules }) =>
      rules.map(({ id, text }) => [id, `${name}: ${plain(text)}`] as const),
    );
    return new Map<string, State>([
      [
        "zone",
        {
          rules: [
            `input: iifname ${site.tunnel.name} jump input_ds4`,
            `forward: iifname ${site.tunnel.name} jump forward_ds4`,
            `output: oifname ${site.tunnel.name} jump output_ds4`,
            "input_ds4: jump reject_from_ds4",
            "output_ds4: jump accept_to_ds4",
            "forward_ds4: jump reject_to_ds4",
          ].sort(),
        },
      ],
      [
        "ds4_outer",
        {
          rules: [
            `input_${design.wanZone}: meta l4proto 4 ip6 saddr ${design.local} ip6 daddr ${design.remote} accept`,
          ],
        },
      ],
      ...inboundRules({ site, design }).map(({ name, server, protocol, ports }): [string, State] => {
        // Ports say the protocol by themselves, and stand behind the addresses.
        const before = protocol === undefined || ports ? "" : `meta l4proto ${protocol} `;
        const behind = ports === undefined ? "" : ` ${protocolName(protocol ?? 0)} dport ${setOf(ports)}`;
        return [
          name,
          {
            rules: [
              `forward_ds4: ${before}ip saddr != { ${bogons.join(", ")} } ip daddr ${server}${behind} jump accept_to_${design.lanZone}`,
            ],
          },
        ];
      }),
      ["ds4_bogon", { rules: [`forward_ds4: ip saddr { ${bogons.join(", ")} } drop`] }],
      ...sendersOf(site).map((server): [string, State] => [
        `ds4_out${suffixOf(design, server)}`,
        { rules: [`forward_${design.lanZone}: ip saddr ${server} jump accept_to_ds4`] },
      ]),
      ...included.map(([id]): [string, State] => [
        id,
        { rules: included.filter(([other]) => other === id).map(([, rule]) => rule) },
      ]),
    ]);
  },
  // Without the elements of named sets: some hold whole countries.
  probe: () => "[ -x /sbin/fw4 ] || exit 0; nft -t list table inet fw4 2>&1 || :",
  parse: (section) => {
    const found = new Map<string, string[]>();
    let chain: string | undefined;
    for (const line of section.stdout.split("\n").map((text) => text.trim())) {
      if (/^chain (\S+) \{$/.test(line)) chain = line.split(" ")[1];
      else if (line === "}") chain = undefined;
      else if (chain !== undefined) {
        const id =
          /comment "!fw4: (ds4_[a-z0-9_]+)"/.exec(line)?.[1] ?? (isZone(chain, line) ? "zone" : undefined);
        if (id !== undefined) found.set(id, [...(found.get(id) ?? []), `${chain}: ${plain(line)}`]);
      }
    }
    if (section.code !== 0) throw new HostError(`nft list failed: ${section.stdout.trim()}`);
    return new Map(
      [...found].map(([id, rules]): [string, State] => [id, { rules: id === "zone" ? rules.sort() : rules }]),
    );
  },
  render: (changes, context) => {
    context.finally(reloadFirewall);
    // A reload empties the chains of what is gone, and leaves them.
    if (changes.some(({ to }) => to === undefined)) context.finally(removeEmptyChains);
    return changes.map(({ id }) => context.mark(id));
  },
  conflicts: ({ router, design }) => [
    ...(router.firewall4
      ? []
      : [
          {
            host: "router" as const,
            message: `${router.release} has no firewall4, which came with OpenWrt 22.03`,
            hint: "update the router: releases before 22.03 get no security fixes any more",
          },
        ]),
    // fw4 masquerades what the router itself sends, too.
    ...(masquerades(router, design)
      ? [
          {
            host: "router" as const,
            message: `the firewall zone ${design.wanZone} on the router masquerades IPv6 (masq6), the tunnel's packets too: the VPS would take them for a stranger's`,
            hint: `leave the tunnel out, in that zone: list masq_src '!${design.remote}/128'; or switch masq6 off`,
          },
        ]
      : []),
  ],
};

/** Whether fw4 masquerades the tunnel's own packets. It has `masq_src` and `masq_dest` for both families. */
function masquerades({ firewall }: RouterFacts, { wanZone, local, remote }: RouterDesign): boolean {
  const zone = firewall.find(({ type, options }) => type === "zone" && options.name === wanZone);
  if (zone === undefined || !/^(1|on|true|yes|enabled)$/.test(String(zone.options.masq6 ?? ""))) return false;
  const within = (option: string, address: string) => {
    const values = valuesOf(zone, option).filter((value) => value.includes(":"));
    const holds = (value: string) => contains6(value.replace(/^!\s*/, ""), address) === true;
    const named = values.filter((value) => !value.startsWith("!"));
    if (values.some((value) => value.startsWith("!") && holds(value))) return false;
    return named.length === 0 || named.some(holds);
  };
  return within("masq_src", remote) && within("masq_dest", local);
}

/** One that something still jumps to stays. */
const removeEmptyChains = `for c in $(nft -t list table inet fw4 2>/dev/null | awk '$1 == "chain" { c = $2; n = 0; next } $1 == "}" { if (c ~ /^ds4_|_ds4$/ && !n) print c; c = ""; next } $1 != "type" && NF { n++ }'); do nft delete chain inet fw4 "$c" 2>/dev/null || :; done`;

/** The jumps to the zone's chains, and what these end with. */
function isZone(chain: string, line: string): boolean {
  if (/^(input|output|forward)_ds4$/.test(chain)) return /^jump \w+_ds4$/.test(line);
  return /^(input|output|forward)$/.test(chain) && / jump (input|output|forward)_ds4 /.test(line);
}

/** A rule of `nft list` without counters, comment and quotes, the protocol as its number, and no prefix as a range. */
function plain(line: string): string {
  return (
    line
      .replace(/ ?comment ".*"$/, "")
      .replace(/counter packets \d+ bytes \d+ /, "")
      .replace(
        /l4proto ([a-z]\S*)/,
        (_, name: string) => `l4proto ${name === "ipv4" ? 4 : (protocolNumber(name) ?? name)}`,
      )
      .replaceAll('"', "")
      // nft 1.0.2, of OpenWrt 22.03.
      .replaceAll("224.0.0.0-255.255.255.255", "224.0.0.0/3")
      .trim()
  );
}

/** As nft lists it: a set only where there is more than one. */
function setOf(ports: readonly PortRange[]): string {
  const all = ports.map(showPorts).join(", ");
  return ports.length === 1 ? all : `{ ${all} }`;
}
