import type { Conflict } from "../../core/step.js";
import type { Barrier } from "../../hosts/linux/neighbours.js";
import type { World } from "../../hosts/world.js";
import type { Role } from "./role.js";

/**
 * Chains of others that would drop ds4's packets whatever ds4's own chains accept: in nftables each base chain of a
 * hook has its say. What they let through is theirs to say, so ds4 names the rules and doesn't put them in.
 */
export function barrierConflicts<W extends World>(role: Role<W>, world: W): readonly Conflict[] {
  const tunnel = `"${world.site.tunnel.name}"`;
  const { address, peer } = role.end(world);
  const outer = `ip6 saddr ${peer} ip6 daddr ${address} meta l4proto 4 accept`;
  const needed = (barrier: Barrier): readonly string[] => {
    const accepts = barrier.rules.filter((rule) => /\baccept\b/.test(rule));
    const has = (form: RegExp) => accepts.some((rule) => form.test(rule));
    if (barrier.hook === "input") {
      return has(/(l4proto|nexthdr) (4|ipencap|ipv4|ipip)\b/) ? [] : [outer];
    }
    if (!role.forwards(world)) return [];
    return ["iif", "oif"].flatMap((way) =>
      has(new RegExp(`\\b${way}(name)? ${tunnel}`)) ? [] : [`${way}name ${tunnel} accept`],
    );
  };
  return role.facts(world).neighbours.barriers.flatMap((barrier): Conflict[] => {
    const rules = needed(barrier);
    if (rules.length === 0) return [];
    const chain = `${barrier.table} ${barrier.chain}`;
    return [
      {
        host: role.host,
        message: `the nftables chain '${chain}' drops what it doesn't accept, ds4's packets among it`,
        hint: [
          `put this into that chain where it is written (/etc/nftables.conf), and type it; ds4's own rules see to it that nothing else passes:`,
          ...rules.map((rule) => `  nft insert rule ${chain} ${rule.replaceAll(tunnel, `'${tunnel}'`)}`),
        ].join("\n"),
      },
    ];
  });
}
