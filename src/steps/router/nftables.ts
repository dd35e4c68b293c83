import { suffixOf } from "../../hosts/design.js";
import { usedEntrances } from "../../hosts/entrances.js";
import { isLongMove } from "../../hosts/router/hairpin.js";
import type { RouterWorld } from "../../hosts/world.js";
import { type Flow, showPorts } from "../../inventory/forwards.js";
import { protocolName, tcp } from "../../inventory/protocols.js";
import { homeSendersOf, serversOf } from "../../inventory/site.js";
import { type Turn, turns } from "../forward-order.js";
import { replyMark } from "../policy-rules.js";

/** fw4 includes the files of this folder in its own table at each load, and a firmware upgrade keeps them. */
export const nftPath = "/etc/nftables.d/ds4.nft";

/** A chain of ds4's in fw4's table; without a hook, one that another jumps to. */
export type NftChain = {
  readonly name: string;
  readonly hook?: string;
  /** As nft lists them; `id` is what a rule's comment names it by. */
  readonly rules: readonly { readonly id: string; readonly text: string }[];
};

/** What UCI has no words for: marks of connections, and a DNAT whose order counts. */
export function nftChains(world: RouterWorld): readonly NftChain[] {
  return [...replyChains(world), ...hairpinChains(world)];
}

/**
 * For servers whose own connections leave by the provider: what belongs to a connection that came in by the tunnel
 * carries a mark, by which the routing rules send it back there. Before routing, so that the tunnel's strict
 * `rp_filter` sees it too. All other bits of marks stay as they are.
 */
function replyChains({ site, design }: RouterWorld): readonly NftChain[] {
  const bit = `0x${replyMark.toString(16).padStart(8, "0")}`;
  const mark = `meta mark set meta mark | ${bit}`;
  const rules = homeSendersOf(site).flatMap((server) =>
    [
      `iifname "${site.tunnel.name}" ip daddr ${server} ct direction original ct mark set ct mark | ${bit} ${mark}`,
      `iifname != "${site.tunnel.name}" ip saddr ${server} ct direction reply ct mark & ${bit} == ${bit} ${mark}`,
    ].map((text) => ({ id: `ds4_reply${suffixOf(design, server)}`, text })),
  );
  return rules.length === 0
    ? []
    : [{ name: "ds4_reply", hook: "filter hook prerouting priority mangle", rules }];
}

/** For LAN hosts that use a public IPv4: the same as the VPS does, without the trip to it. */
function hairpinChains({ design }: RouterWorld): readonly NftChain[] {
  const { hairpin, entrances } = design;
  if (hairpin === undefined) return [];
  const chain = (name: string, hook: string | undefined, texts: readonly string[]): NftChain => ({
    name,
    ...(hook === undefined ? {} : { hook }),
    rules: texts.map((text) => ({ id: name, text })),
  });
  const all = usedEntrances(entrances).map((entrance) => ({
    ...entrance,
    // The site's own one has no address in its name.
    name:
      entrance === entrances[0] ? "ds4_hairpin" : `ds4_hairpin_${entrance.publicIPv4.replaceAll(".", "_")}`,
  }));
  return [
    ...all.map(({ name, keepPorts, forwards }) => {
      const kept = keepPorts.map((port): Turn => ({ flow: { protocol: tcp, ports: [port, port] } }));
      return chain(name, undefined, [...kept, ...turns(forwards)].map(turn));
    }),
    chain(
      "ds4_hairpin_in",
      "nat hook prerouting priority dstnat - 1",
      all.flatMap(({ name, publicIPv4 }) =>
        hairpin.devices.map((device) => `iifname "${device}" ip daddr ${publicIPv4} jump ${name}`),
      ),
    ),
    // A host in the server's own network would get the answer from an address that it never asked.
    chain(
      "ds4_hairpin_out",
      "nat hook postrouting priority srcnat - 1",
      all.flatMap(({ publicIPv4, forwards }) =>
        [...hairpin.networks]
          .filter(([server]) => serversOf({ forwards }).includes(server))
          .map(
            ([server, network]) =>
              `ct original ip daddr ${publicIPv4} ip saddr ${network} ip daddr ${server} masquerade`,
          ),
      ),
    ),
  ];
}

function turn({ flow, server }: Turn): string {
  const match = flow === undefined ? "" : `${matchOf(flow)} `;
  // What is not turned here goes the long way.
  if (server === undefined || (flow !== undefined && isLongMove(flow))) return `${match}return`;
  return `${match}dnat ip to ${server}${flow === undefined ? "" : portOf(flow)}`;
}

function matchOf({ protocol, ports }: Flow): string {
  return ports === undefined
    ? `meta l4proto ${protocol}`
    : `${protocolName(protocol)} dport ${showPorts(ports)}`;
}

/** nft can't count, so a range that moves is a map of each port. */
function portOf({ protocol, ports, to }: Flow): string {
  if (ports === undefined || to === undefined) return "";
  const [first, last] = ports;
  if (first === last) return `:${to}`;
  const pairs = Array.from({ length: last - first + 1 }, (_, at) => `${first + at} : ${to + at}`);
  return `:${protocolName(protocol)} dport map { ${pairs.join(", ")} }`;
}

/** The file's text; undefined where there is nothing to write. */
export function nftFile(world: RouterWorld): string | undefined {
  const chains = nftChains(world);
  if (chains.length === 0) return undefined;
  const text = chains.map(({ name, hook, rules }) =>
    [
      `chain ${name} {`,
      ...(hook === undefined ? [] : [`\ttype ${hook}; policy accept;`]),
      ...rules.map(({ id, text }) => `\t${text} comment "!fw4: ${id}"`),
      "}\n",
    ].join("\n"),
  );
  return `# Written by ds4 for the site '${world.site.name}': part of table inet fw4.\n${text.join("")}`;
}
