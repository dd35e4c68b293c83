import type { Conflict } from "../../core/step.js";
import type { LinuxFacts, LinuxHost } from "../../hosts/linux/facts.js";
import type { Barrier } from "../../hosts/linux/neighbours.js";
import type { World } from "../../hosts/world.js";
import type { Role } from "./role.js";

/**
 * Chains of others that would drop ds4's packets whatever ds4's own chains accept: in nftables each base chain of a
 * hook has its say. What they let through is theirs to say, so ds4 names the rules and doesn't put them in. `needed`
 * are the rules that a chain lacks; `families` are those of the packets that come through a hook.
 */
export function dropConflictsFor(
  { host }: Pick<LinuxHost, "host">,
  { neighbours }: Pick<LinuxFacts, "neighbours">,
  families: Readonly<Partial<Record<Barrier["hook"], "ip" | "ip6">>>,
  needed: (barrier: Barrier, accepts: readonly string[]) => readonly string[],
): readonly Conflict[] {
  return neighbours.barriers.flatMap((barrier): Conflict[] => {
    const family = families[barrier.hook];
    if (family === undefined || !["inet", family].includes(barrier.table.split(" ")[0] ?? "")) return [];
    const rules = needed(
      barrier,
      barrier.rules.filter((rule) => /\baccept\b/.test(rule)),
    );
    if (rules.length === 0) return [];
    const chain = `${barrier.table} ${barrier.chain}`;
    return [
      {
        host,
        message: `the nftables chain '${chain}' drops what it doesn't accept, ds4's packets among it`,
        hint: [
          `put this into that chain where it is written (/etc/nftables.conf), and type it; ds4's own rules see to it that nothing else passes:`,
          ...rules.map((rule) => `  nft insert rule ${chain} ${rule}`),
        ].join("\n"),
      },
    ];
  });
}

/** Those in a tunnel's way: its outer packets are IPv6, those that are forwarded IPv4. */
export function dropConflicts<W extends World>(role: Role<W>, world: W): readonly Conflict[] {
  const tunnel = `"${world.site.tunnel.name}"`;
  const { address, peer } = role.end(world);
  const outer = `ip6 saddr ${peer} ip6 daddr ${address} meta l4proto 4 accept`;
  const families = { input: "ip6", ...(role.forwards(world) ? { forward: "ip" as const } : {}) } as const;
  return dropConflictsFor(role, role.facts(world), families, ({ hook }, accepts) => {
    const has = (form: RegExp) => accepts.some((rule) => form.test(rule));
    if (hook === "input") return has(/(l4proto|nexthdr) (4|ipencap|ipv4|ipip)\b/) ? [] : [outer];
    return ["iif", "oif"].flatMap((way) =>
      has(new RegExp(`\\b${way}(name)? ${tunnel}`)) ? [] : [`${way}name '${tunnel}' accept`],
    );
  });
}
