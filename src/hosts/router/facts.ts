import { z } from "zod";
import { type Armed, parseSwitch, switchProbe } from "../../core/dead-man-switch.js";
import { ConflictError, HostError } from "../../core/errors.js";
import { readJson } from "../../core/json.js";
import { type Owned, parseOwned } from "../../core/owned.js";
import { type Probe, required, type Section } from "../../core/script.js";
import type { Peer } from "../../core/shell.js";
import { canonicalIPv4, canonicalIPv6, contains4 } from "../../inventory/addresses.js";
import { parseUciExport, type UciSection, valuesOf } from "./uci.js";

/** An interface of netifd that is up, or could be. */
export type RouterInterface = {
  readonly name: string;
  readonly up: boolean;
  /** The device that carries its packets. */
  readonly device: string | undefined;
  readonly ipv4: readonly { readonly address: string; readonly mask: number }[];
  /** Its IPv6 addresses, those out of a delegated prefix included. */
  readonly ipv6: readonly { readonly address: string }[];
  /** Prefixes delegated to the router by this interface. */
  readonly prefixes: readonly { readonly address: string; readonly mask: number }[];
  readonly defaultRoute6: boolean;
};

export type FirewallZone = {
  readonly name: string;
  readonly networks: readonly string[];
  readonly devices: readonly string[];
};

/** What a router is and has, as far as ds4 decides by it. */
export type RouterFacts = {
  /** E.g. `OpenWrt 24.10.5`. */
  readonly release: string;
  readonly firewall4: boolean;
  readonly packageManager: "opkg" | "apk" | undefined;
  /** Whether `ip` can make tunnels: BusyBox's can't. */
  readonly tunnelTool: boolean;
  readonly tunnelModule: boolean;
  readonly interfaces: readonly RouterInterface[];
  /** MTU of each network device. */
  readonly mtus: ReadonlyMap<string, number>;
  readonly network: readonly UciSection[];
  readonly firewall: readonly UciSection[];
  readonly zones: readonly FirewallZone[];
  /** Of IPv6 tunnels, those that ds4 hasn't made among them. */
  readonly tunnels: readonly { readonly name: string; readonly local: string; readonly remote: string }[];
  /** The text of `ip rule`, and of the routing table that the site asks for. */
  readonly rules: string;
  readonly table: string;
  /** Lines of `uci changes` for the packages that ds4 writes. */
  readonly staged: readonly string[];
  /** Whether LuCI waits for a confirmation whose absence would undo what anybody commits meanwhile. */
  readonly pendingApply: boolean;
  readonly owned: Owned | undefined;
  /** The dead-man switch of a change that isn't confirmed yet. */
  readonly armed: Armed | undefined;
  /** Whether any of ds4's files or sections is there. */
  readonly marked: boolean;
  readonly ownPackages: readonly string[];
  /** Kibibytes free for files under /etc. */
  readonly freeKib: number;
  /** The way by which the laptop came in. */
  readonly way?: readonly Peer[];
};

/** The router's interface in whose network an IPv4 address is: as in routing, in the smallest where one holds another. */
export function networkOf(
  { interfaces }: Pick<RouterFacts, "interfaces">,
  address: string,
): RouterInterface | undefined {
  const length = ({ ipv4 }: RouterInterface) =>
    Math.max(
      -1,
      ...ipv4.filter((own) => contains4(`${own.address}/${own.mask}`, address)).map(({ mask }) => mask),
    );
  const [closest] = [...interfaces].sort((a, b) => length(b) - length(a));
  return closest !== undefined && length(closest) >= 0 ? closest : undefined;
}

export const routerProbes: readonly Probe[] = [
  {
    name: "host",
    // BusyBox has no \`stat\`; an apply of LuCI waits 90 s for its confirmation, and a folder that is older than ten
    // minutes is one that a restart of rpcd left behind (it stays for ever and nothing is rolled back).
    script: `
echo "uid=$(id -u)"
[ -x /sbin/fw4 ] && echo fw4=yes
for p in apk opkg; do command -v $p >/dev/null && echo "packages=$p"; done
case "$(ip -V 2>&1)" in *iproute2*) echo tool=yes ;; esac
{ [ -d /sys/module/ip6_tunnel ] || [ -n "$(find /lib/modules -name 'ip6_tunnel.ko*' 2>/dev/null)" ] || grep -qs /ip6_tunnel.ko "/lib/modules/$(uname -r)/modules.builtin"; } && echo module=yes
for d in /sys/class/net/*; do mtu=; read -r mtu 2>/dev/null <"$d/mtu"; echo "mtu=\${d##*/} $mtu"; done
for f in /var/run/rpcd/snapshot-files/*; do [ -e "$f" ] && [ $(($(date +%s) - $(date -r "$f" +%s))) -lt 600 ] && echo pending=yes; done
set -- $(df -Pk /etc 2>/dev/null); echo "free=\${11:-}"
{ [ -w /etc ] && [ -w /etc/config ]; } || echo readonly=yes
for f in /etc/ds4/site /etc/init.d/ds4 /etc/nftables.d/ds4.nft; do [ ! -e "$f" ] || echo marked=yes; done
[ ! -r /etc/ds4/packages ] || sed 's/^/package=/' /etc/ds4/packages
true`,
  },
  { name: "owned", script: "[ ! -r /etc/ds4/site ] || cat /etc/ds4/site" },
  switchProbe,
  { name: "board", script: "ubus call system board" },
  { name: "interfaces", script: "ubus call network.interface dump" },
  { name: "uci-network", script: "uci export network" },
  { name: "uci-firewall", script: "uci export firewall" },
  { name: "staged", script: "uci changes" },
];

const boardSchema = z.object({
  release: z.object({ distribution: z.string().optional(), version: z.string().optional() }).optional(),
});
// One host's addresses get into the other one's scripts: they are addresses, whatever a host says.
const text4 = z.string().refine((text) => canonicalIPv4(text) === text, "is no IPv4 address");
const text6 = z.string().refine((text) => canonicalIPv6(text) !== undefined, "is no IPv6 address");
const addresses4 = z.array(z.object({ address: text4, mask: z.int().min(0).max(32) })).optional();
const addresses6 = z.array(z.object({ address: text6, mask: z.int().min(0).max(128) })).optional();
const dumpSchema = z.object({
  interface: z.array(
    z.object({
      interface: z.string(),
      up: z.boolean(),
      l3_device: z.string().optional(),
      device: z.string().optional(),
      "ipv4-address": addresses4,
      "ipv6-address": addresses6,
      "ipv6-prefix": z
        .array(z.object({ address: text6, mask: z.int().min(0).max(128), preferred: z.number().optional() }))
        .optional(),
      "ipv6-prefix-assignment": z
        .array(z.object({ "local-address": z.object({ address: text6 }).optional() }))
        .optional(),
      route: z
        .array(z.object({ target: z.string(), mask: z.number(), table: z.number().optional() }))
        .optional(),
    }),
  ),
});

/** Makes sense of what `routerProbes` printed. @throws HostError where it is no OpenWrt, or a part can't be read. */
export function parseRouterFacts(sections: ReadonlyMap<string, Section>): RouterFacts {
  const lines = required(sections.get("host"), "the router's description").split("\n");
  const all = (key: string) =>
    lines.filter((line) => line.startsWith(`${key}=`)).map((line) => line.slice(key.length + 1));
  const one = (key: string) => all(key)[0] ?? "";
  if (sections.get("board")?.code !== 0) {
    throw new HostError(
      `the router is no OpenWrt: 'ubus call system board' says: ${sections.get("board")?.stdout.trim()}`,
      {
        hint: "check 'router: { ssh: … }' in the inventory: it has to be the OpenWrt router at home, as root",
      },
    );
  }
  const board = readJson(sections.get("board"), "ubus call system board", boardSchema);
  const dump = readJson(sections.get("interfaces"), "ubus call network.interface dump", dumpSchema);
  const network = uci(sections.get("uci-network"), "network");
  const firewall = uci(sections.get("uci-firewall"), "firewall");
  return {
    release: [board.release?.distribution ?? "OpenWrt", board.release?.version ?? ""].join(" ").trim(),
    firewall4: one("fw4") === "yes",
    packageManager: all("packages").includes("apk")
      ? "apk"
      : all("packages").includes("opkg")
        ? "opkg"
        : undefined,
    tunnelTool: one("tool") === "yes",
    tunnelModule: one("module") === "yes",
    interfaces: dump.interface.map((entry) => ({
      name: entry.interface,
      up: entry.up,
      device: entry.l3_device ?? entry.device,
      ipv4: entry["ipv4-address"] ?? [],
      ipv6: [
        ...(entry["ipv6-address"] ?? []),
        ...(entry["ipv6-prefix-assignment"] ?? []).flatMap((assigned) => assigned["local-address"] ?? []),
      ],
      // One that was withdrawn stays for a while beside its successor.
      prefixes: (entry["ipv6-prefix"] ?? []).filter(({ preferred }) => preferred !== 0),
      defaultRoute6: (entry.route ?? []).some(
        ({ target, mask, table }) => target === "::" && mask === 0 && table === undefined,
      ),
    })),
    mtus: new Map(
      all("mtu").flatMap((line) => {
        const [name, mtu] = line.split(" ");
        return name && mtu ? [[name, Number(mtu)] as const] : [];
      }),
    ),
    network,
    firewall,
    zones: firewall
      .filter(({ type }) => type === "zone")
      .map((zone) => ({
        name: String(zone.options.name ?? ""),
        networks: valuesOf(zone, "network"),
        devices: valuesOf(zone, "device"),
      })),
    tunnels: [
      ...required(sections.get("tunnel"), "the router's tunnels").matchAll(
        /(\S+): \S+\/ipv6 remote (\S+) local (\S+)/g,
      ),
    ].map(([, name = "", remote = "", local = ""]) => ({ name, local, remote })),
    rules: required(sections.get("rule"), "the router's routing rules"),
    table: required(sections.get("route"), "the router's routes"),
    staged: required(sections.get("staged"), "uci changes")
      .split("\n")
      .filter((line) => /^[-+~|@^]?(network|firewall)\./.test(line)),
    pendingApply: one("pending") === "yes",
    owned: parseOwned(required(sections.get("owned"), "/etc/ds4/site")),
    armed: parseSwitch(required(sections.get(switchProbe.name), "the dead-man switch")),
    marked: one("marked") === "yes" || [...network, ...firewall].some(({ name }) => name.startsWith("ds4_")),
    ownPackages: all("package").filter((name) => name !== ""),
    freeKib: one("readonly") === "yes" ? 0 : Number(one("free")),
  };
}

/** @throws ConflictError for a file that uci can't read: a reload would then load something else than it says. */
function uci(section: Section | undefined, name: string): readonly UciSection[] {
  if (section === undefined) throw new HostError(`uci export ${name} was not read`);
  if (section.code !== 0) {
    throw new ConflictError(`/etc/config/${name} on the router can't be read: ${section.stdout.trim()}`, {
      hint:
        name === "firewall"
          ? "mend the file first, and reload nothing before: the firewall would come up empty and lock everyone out"
          : "mend the file first ('uci show network' says where)",
    });
  }
  return parseUciExport(section.stdout);
}
