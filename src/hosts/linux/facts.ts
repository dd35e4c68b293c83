import { z } from "zod";
import { type Armed, parseSwitch, switchProbe } from "../../core/dead-man-switch.js";
import { HostError } from "../../core/errors.js";
import { readJson } from "../../core/json.js";
import { type Owned, parseOwned } from "../../core/owned.js";
import { type Probe, required, type Section } from "../../core/script.js";
import type { Peer } from "../../core/shell.js";
import { canonicalIPv4, canonicalIPv6 } from "../../inventory/addresses.js";
import { type Neighbours, neighbourProbes, parseNeighbours } from "./neighbours.js";

/** An address as `ip -j addr` shows it. */
export type HostAddress = {
  readonly family: 4 | 6;
  readonly address: string;
  readonly prefixLength: number;
  readonly global: boolean;
  readonly deprecated: boolean;
  /** One that the host makes for a while, for privacy (RFC 8981). */
  readonly temporary?: boolean;
};

/** A TCP port of one of a host's IPv4 addresses. */
export type SshAt = { readonly address: string; readonly port: number };

/** A route as `ip -j route` shows it: `default`, an address or a prefix. */
type HostRoute = {
  readonly target: string;
  readonly device: string;
  readonly protocol: string;
  readonly metric: number;
};

export type HostLink = {
  readonly name: string;
  readonly mtu: number;
  readonly up: boolean;
  readonly kind: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly addresses: readonly HostAddress[];
};

/** Which host it is: in the inventory, in messages, and in a hint. */
export type LinuxHost = {
  readonly host: "vps" | "home";
  readonly name: string;
  readonly machine: string;
};

/** What a Linux host is and has, as far as ds4 decides by it. */
export type LinuxFacts = {
  readonly os: string;
  /** Who made the machine, and its asset tag, as its firmware says: the provider's name is mostly in one of them. */
  readonly vendor: string;
  readonly root: boolean;
  readonly systemd: boolean;
  /** E.g. `1.8.9 nf_tables`; empty where it isn't installed. */
  readonly iptables: string;
  readonly conntrack: boolean;
  readonly tunnelModule: boolean;
  readonly links: readonly HostLink[];
  /** The interface and source address of the IPv4 default route. */
  readonly uplink: { readonly name: string; readonly address: string } | undefined;
  /** The interface of the IPv6 default route. */
  readonly uplink6: string | undefined;
  /** The .network file that systemd-networkd uses for an interface. */
  readonly networkFiles: ReadonlyMap<string, string>;
  /** Interfaces that ifupdown brought up, and whether it reads /etc/network/interfaces.d. */
  readonly ifupdown: { readonly interfaces: readonly string[]; readonly readsFolder: boolean };
  /** Whether NetworkManager is there, which runs hooks. */
  readonly networkManager: boolean;
  /** Routes of the main table by IPv4. */
  readonly routes: readonly HostRoute[];
  /** This host's end of the SSH session by which this was read, and who it came from, if that was by IPv4. */
  readonly ssh4: (SshAt & { readonly client?: string }) | undefined;
  /** The way by which the laptop came in. */
  readonly way?: readonly Peer[];
  readonly owned: Owned | undefined;
  /** The dead-man switch of a change that isn't confirmed yet. */
  readonly armed: Armed | undefined;
  /** Whether any of ds4's files is there. */
  readonly marked: boolean;
  /** Packages that ds4 installed. */
  readonly ownPackages: readonly string[];
  /** Kibibytes free for files under /etc. */
  readonly freeKib: number;
  readonly neighbours: Neighbours;
};

/** What is read of a Linux host beside the steps' own items. */
export const linuxProbes: readonly Probe[] = [
  {
    name: "host",
    script: `
[ ! -r /etc/os-release ] || . /etc/os-release; echo "os=\${ID:-} \${VERSION_ID:-}"
echo "uid=$(id -u)"
vendor=; tag=; { read -r vendor </sys/class/dmi/id/sys_vendor; read -r tag </sys/class/dmi/id/chassis_asset_tag; } 2>/dev/null; echo "vendor=$vendor $tag"
[ ! -d /run/systemd/system ] || echo systemd=yes
echo "iptables=$(iptables -V 2>/dev/null)"
command -v dpkg-query >/dev/null && echo packages=dpkg
command -v conntrack >/dev/null && echo conntrack=yes
{ [ -d /sys/module/ip6_tunnel ] || modprobe -n -q ip6_tunnel; } && echo module=yes
echo "ssh=\${SSH_CONNECTION:-}"
set -- $(df -Pk /etc); echo "free=\${11:-}"
[ ! -w /etc ] && echo readonly=yes
for f in /etc/ds4/site /etc/ds4/up /etc/systemd/system/ds4.service; do [ ! -e "$f" ] || echo marked=yes; done
[ ! -r /etc/ds4/up ] || sed -n "s|.* -d \\([0-9.]*\\)/32 .* --dport \\([0-9]*\\) -j RETURN'*$|keep=\\1 \\2|p" /etc/ds4/up
[ ! -r /etc/ds4/packages ] || sed 's/^/package=/' /etc/ds4/packages
command -v socat >/dev/null && echo socat=yes
[ ! -r /run/network/ifstate ] || sed -n 's/=.*//; s/^/ifup=/p' /run/network/ifstate
[ -d /etc/NetworkManager/dispatcher.d ] && echo manager=yes
grep -qsE '^[[:space:]]*source(-directory)?[[:space:]]+(/etc/network/)?interfaces\\.d' /etc/network/interfaces && echo folder=yes
true`,
  },
  { name: "owned", script: "[ ! -r /etc/ds4/site ] || cat /etc/ds4/site" },
  switchProbe,
  { name: "links", script: "ip -j -d addr" },
  { name: "routes", script: "ip -j route" },
  { name: "routes6", script: "ip -j -6 route show default" },
  {
    name: "networkd",
    script: `for f in /run/systemd/netif/links/*; do [ -r "$f" ] || continue
n=$(sed -n 's/^NETWORK_FILE=//p' "$f"); [ -z "$n" ] || echo "\${f##*/} $n"; done`,
  },
  ...neighbourProbes,
];

/** The values that ds4 looks at are plain ones. */
const scalar = z.union([z.string(), z.number(), z.boolean(), z.unknown().transform(() => undefined)]);
const linkSchema = z.array(
  z.object({
    ifindex: z.number(),
    ifname: z.string(),
    mtu: z.number(),
    flags: z.array(z.string()),
    link: z.string().nullish(),
    linkinfo: z
      .object({ info_kind: z.string().optional(), info_data: z.record(z.string(), scalar).optional() })
      .optional(),
    addr_info: z
      .array(
        z.object({
          family: z.string(),
          local: z.string().optional(),
          prefixlen: z.int().min(0).max(128).optional(),
          scope: z.string().optional(),
          deprecated: z.boolean().optional(),
          temporary: z.boolean().optional(),
        }),
      )
      .default([]),
  }),
);
// With several routers, each has its device.
const routeSchema = z.array(
  z
    .object({
      dst: z.string(),
      dev: z.string().optional(),
      prefsrc: z.string().optional(),
      protocol: z.string().optional(),
      metric: z.number().optional(),
      nexthops: z.array(z.object({ dev: z.string().optional() })).optional(),
    })
    .transform(({ nexthops, dev, ...route }) => ({
      ...route,
      dev: dev ?? nexthops?.find((hop) => hop.dev !== undefined)?.dev,
    })),
);

/** What a host's description says of something, line by line. */
export function described(
  sections: ReadonlyMap<string, Section>,
  name: string,
): (key: string) => readonly string[] {
  const lines = required(sections.get("host"), `the ${name}'s description`).split("\n");
  return (key) =>
    lines.filter((line) => line.startsWith(`${key}=`)).map((line) => line.slice(key.length + 1));
}

/** Makes sense of what `linuxProbes` printed. @throws HostError where a part can't be read. */
export function parseLinuxFacts(
  sections: ReadonlyMap<string, Section>,
  { host, name, machine }: LinuxHost,
): LinuxFacts {
  const all = described(sections, name);
  const one = (key: string) => all(key)[0] ?? "";
  if (one("os").startsWith("openwrt") || one("packages") === "") {
    throw new HostError(
      `the ${name} runs ${one("os") || "an unknown system"}, and ds4 knows Debian and its kin there`,
      {
        hint: `check '${host}: { ssh: … }' in the inventory: it has to be ${machine}, with Debian or Ubuntu`,
      },
    );
  }
  const indexes = new Map<number, string>();
  const links = readJson(sections.get("links"), "ip -j -d addr", linkSchema).map((link): HostLink => {
    indexes.set(link.ifindex, link.ifname);
    return {
      name: link.ifname,
      mtu: link.mtu,
      up: link.flags.includes("UP"),
      kind: link.linkinfo?.info_kind ?? "",
      data: { ...link.linkinfo?.info_data, link: link.link ?? undefined },
      addresses: link.addr_info.flatMap((info): HostAddress[] =>
        info.local === undefined || (info.family !== "inet" && info.family !== "inet6")
          ? []
          : [
              {
                family: info.family === "inet" ? 4 : 6,
                address: addressOf(info.family, info.local, name),
                prefixLength: info.prefixlen ?? 0,
                global: info.scope === "global",
                deprecated: info.deprecated === true,
                ...(info.temporary === true ? { temporary: true } : {}),
              },
            ],
      ),
    };
  });
  const routes = readJson(sections.get("routes"), "ip -j route", routeSchema);
  const route = routes.find(({ dst, dev }) => dst === "default" && dev !== undefined);
  const route6 = readJson(sections.get("routes6"), "ip -j -6 route", routeSchema).find(
    ({ dev }) => dev !== undefined,
  );
  return {
    os: one("os"),
    vendor: one("vendor").trim(),
    root: one("uid") === "0",
    systemd: one("systemd") === "yes",
    iptables: one("iptables")
      .replace(/^iptables v/, "")
      .replace(/[()]/g, ""),
    conntrack: one("conntrack") === "yes",
    tunnelModule: one("module") === "yes",
    links,
    uplink: route?.dev === undefined ? undefined : uplinkOf(links, route.dev, route.prefsrc, name),
    uplink6: route6?.dev,
    networkFiles: new Map(
      required(sections.get("networkd"), "systemd-networkd's links")
        .split("\n")
        .flatMap((line) => {
          const [index, file] = line.split(" ");
          const name = indexes.get(Number(index));
          return name === undefined || file === undefined ? [] : [[name, file] as const];
        }),
    ),
    ifupdown: { interfaces: all("ifup"), readsFolder: one("folder") === "yes" },
    networkManager: one("manager") === "yes",
    routes: routes.map(({ dst, dev, protocol, metric }) => ({
      target: dst,
      device: dev ?? "",
      protocol: protocol ?? "",
      metric: metric ?? 0,
    })),
    ssh4: readSsh4(one("ssh")),
    owned: parseOwned(required(sections.get("owned"), "/etc/ds4/site")),
    armed: parseSwitch(required(sections.get(switchProbe.name), "the dead-man switch")),
    marked: one("marked") === "yes",
    ownPackages: all("package").filter((name) => name !== ""),
    freeKib: one("readonly") === "yes" ? 0 : Number(one("free")),
    neighbours: parseNeighbours(sections, name),
  };
}

/** One host's addresses get into the other one's scripts: they are addresses, whatever a host says. */
function addressOf(family: string, text: string, name: string): string {
  const address = family === "inet" ? canonicalIPv4(text) : canonicalIPv6(text);
  if (address === undefined) throw new HostError(`the ${name} has an address of an unknown form: ${text}`);
  return address;
}

function uplinkOf(links: readonly HostLink[], device: string, source: string | undefined, name: string) {
  const address =
    (source === undefined ? undefined : addressOf("inet", source, name)) ??
    links.find((l) => l.name === device)?.addresses.find((a) => a.family === 4 && a.global)?.address;
  return address === undefined ? undefined : { name: device, address };
}

/** `client port server port`, as sshd sets it. An IPv4 client of a dual-stack socket shows as `::ffff:a.b.c.d`. */
function readSsh4(connection: string): LinuxFacts["ssh4"] {
  const [client = "", , server, port] = connection.split(" ");
  if (server === undefined || port === undefined) return undefined;
  const plain = (text: string) => text.replace(/^::ffff:/, "");
  const address = plain(server);
  if (address.includes(":")) return undefined;
  const number = Number(port);
  if (!Number.isInteger(number)) throw new HostError(`SSH_CONNECTION has an unknown form: ${connection}`);
  return { address, port: number, client: plain(client) };
}
