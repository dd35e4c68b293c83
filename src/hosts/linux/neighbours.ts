import { HostError } from "../../core/errors.js";
import { type Probe, required, type Section } from "../../core/script.js";

/** A socket that waits for visitors, or a port that Docker publishes. */
export type Service = {
  readonly protocol: string;
  /** An IPv4 address of the host, or `any`. */
  readonly address: string;
  readonly port: number;
  readonly program: string;
};

/** A base chain of nftables that lets through only what its rules accept. */
export type Barrier = {
  /** Family and name, as `nft` wants them: `inet filter`. */
  readonly table: string;
  readonly chain: string;
  readonly hook: "input" | "forward";
  /** All rules of its table: what the chain accepts may be in one that it jumps to. */
  readonly rules: readonly string[];
};

/** What others have on a Linux host, as far as it and ds4 could be in each other's way. */
export type Neighbours = {
  /** Reached by the public IPv4 as long as that doesn't go home. */
  readonly services: readonly Service[];
  readonly barriers: readonly Barrier[];
  /** Whether it is installed, and whether it runs without ds4's settings: it has to be reloaded then. */
  readonly firewalld: { readonly installed: boolean; readonly reload: boolean };
  /** Whether loading /etc/nftables.conf takes away everybody's rules, and the service that does so is in use. */
  readonly flushes: boolean;
};

export const neighbourProbes: readonly Probe[] = [
  {
    name: "services",
    // Ports that Docker publishes without its proxy (`userland-proxy: false`) have no socket.
    script: `! command -v ss >/dev/null || ss -Hltunp
! command -v docker >/dev/null || iptables-save -t nat | sed -n 's/^-A DOCKER .* -p \\([a-z]*\\) .*--dport \\([0-9]*\\) -j DNAT .*/docker \\1 \\2/p'`,
  },
  { name: "nft", script: "! command -v nft >/dev/null || nft -s -t list ruleset" },
  {
    name: "firewalls",
    // The links are what `systemctl is-enabled` looks for, too.
    script: `set -- /etc/systemd/system/*.wants/nftables.service
[ -e "$1" ] && grep -qsE '^[[:space:]]*flush[[:space:]]+ruleset' /etc/nftables.conf && echo flushes
command -v firewall-cmd >/dev/null || exit 0
echo firewalld
[ -e /etc/firewalld/policies/ds4-in.xml ] || ! systemctl -q is-active firewalld || echo reload
true`,
  },
];

/** Makes sense of what `neighbourProbes` printed. @throws HostError where a part can't be read. */
export function parseNeighbours(sections: ReadonlyMap<string, Section>, name: string): Neighbours {
  const words = required(sections.get("firewalls"), `the ${name}'s firewalls`).split("\n");
  return {
    services: parseServices(required(sections.get("services"), `the ${name}'s services`)),
    barriers: parseBarriers(required(sections.get("nft"), `the ${name}'s nftables`)),
    firewalld: { installed: words.includes("firewalld"), reload: words.includes("reload") },
    flushes: words.includes("flushes"),
  };
}

/** Lines of `ss -Hltunp` and of Docker. A socket for IPv6 alone shows as `[::]:80`, one for both as `*:80`. */
function parseServices(text: string): readonly Service[] {
  const found = text.split("\n").flatMap((line): Service[] => {
    const docker = /^docker (\w+) (\d+)$/.exec(line);
    if (docker) {
      return [{ protocol: docker[1] ?? "", address: "any", port: Number(docker[2]), program: "docker" }];
    }
    const [protocol = "", , , , local = ""] = line.trim().split(/\s+/);
    const [, host = "", port] = /^([0-9.]+|\*)(?:%[^:]*)?:(\d+)$/.exec(local) ?? [];
    if (port === undefined || host.startsWith("127.")) return [];
    const program = /users:\(\("([^"]+)"/.exec(line)?.[1] ?? "";
    return [
      { protocol, address: host === "0.0.0.0" || host === "*" ? "any" : host, port: Number(port), program },
    ];
  });
  const keyed = found.map(
    (service) => [`${service.protocol} ${service.address} ${service.port}`, service] as const,
  );
  // Of several that share a port, the first one's name will do.
  return [...new Map(keyed.reverse()).values()].sort(
    (a, b) => a.port - b.port || (a.protocol < b.protocol ? -1 : 1),
  );
}

/** iptables' own: what is in them is known by their rules. */
const xtables = /^ip6? (filter|nat|mangle|raw|security)$/;

/** Reads `nft list ruleset`. @throws HostError for a text whose braces don't match. */
function parseBarriers(text: string): readonly Barrier[] {
  const chains: { table: string; chain: string; head: string; rules: string[] }[] = [];
  const open: string[] = [];
  for (const line of text.split("\n").map((part) => part.trim())) {
    const inside = /^chain (\S+) \{$/.exec(open[1] ?? "")?.[1];
    if (line === "}") open.pop();
    else if (line.endsWith("{")) {
      open.push(line);
      const chain = /^chain (\S+) \{$/.exec(line)?.[1];
      const table = /^table (\S+ \S+) \{$/.exec(open[0] ?? "")?.[1];
      if (chain !== undefined && table !== undefined && open.length === 2)
        chains.push({ table, chain, head: "", rules: [] });
    } else if (inside !== undefined && line !== "") {
      const current = chains.at(-1);
      if (line.startsWith("type ") && current) current.head = line;
      else current?.rules.push(line);
    }
  }
  if (open.length > 0) throw new HostError("nft list ruleset has an unknown form: a brace is left open");
  return chains.flatMap(({ table, chain, head, rules }): Barrier[] => {
    const hook = /^type filter hook (input|forward) /.exec(head)?.[1] as Barrier["hook"] | undefined;
    const last = (rules.at(-1) ?? "").replace(/^counter( packets \d+ bytes \d+)? /, "");
    const shuts = head.includes("policy drop;") || /^(drop|reject\b.*)$/.test(last);
    if (hook === undefined || !shuts || !/^(inet|ip6?) /.test(table)) return [];
    if (xtables.test(table) || table === "inet firewalld") return [];
    const all = chains.filter((other) => other.table === table).flatMap((other) => other.rules);
    return [{ table, chain, hook, rules: all }];
  });
}
