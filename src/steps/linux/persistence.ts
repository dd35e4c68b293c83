import { runFolder } from "../../core/dead-man-switch.js";
import { renderOwned } from "../../core/owned.js";
import type { State } from "../../core/state.js";
import { wanted } from "../../core/step.js";
import type { World } from "../../hosts/world.js";
import { serversOf } from "../../inventory/site.js";
import { fileState, parseFiles, probeFiles, renderFiles } from "../files.js";
import { type BootStep, bootScript, bootScriptPath, type LinuxStep, notesFor } from "./boot.js";
import { flusherFiles, flusherPatterns } from "./flushers.js";
import type { Role } from "./role.js";
import { reloadUnits } from "./unit.js";

const unitFile = ({ host }: Pick<Role<World>, "host">) => `# Written by ds4.
[Unit]
Description=ds4: ${host === "vps" ? "brings this machine's public IPv4 home" : "a public IPv4 comes to this home"}
After=network.target networking.service systemd-networkd.service NetworkManager.service
After=nftables.service netfilter-persistent.service ufw.service firewalld.service docker.service
# Their restart takes the tunnel's address away, and with it comes a restart of this.
PartOf=networking.service systemd-networkd.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=${bootScriptPath}
# An uplink may come late: it is tried again for as long as it takes.
Restart=on-failure
RestartSec=5

[Install]
WantedBy=multi-user.target
`;

/** The unit that runs the boot script. */
export const bootUnit = (role: Pick<Role<World>, "host">) =>
  ["/etc/systemd/system/ds4.service", fileState(unitFile(role), "644")] as const;

/** How a hook runs the boot script: never in the way of whoever has the hook. */
const runForHook = `${bootScriptPath} >/dev/null 2>&1 || logger -t ds4 "${bootScriptPath} failed; run it by hand to see why"
exit 0
`;

/** Runs after every \`ifup\`: \`ifdown\` of the uplink takes the tunnel's address away. */
const ifupHook = (uplink: string) => `#!/bin/sh
# Written by ds4: what 'ifdown ${uplink}' took away comes back with 'ifup ${uplink}'.
[ "$IFACE" = '${uplink}' ] || exit 0
# Never in the way of the interface itself.
${runForHook}`;

const stanza = (tunnelName: string) => `# Written by ds4.
auto ${tunnelName}
iface ${tunnelName} inet manual
    up ${bootScriptPath}
    post-down ip link del ${tunnelName} 2>/dev/null || :
`;

/**
 * Debian 13 has a rule for each new device, which comes after whoever makes it; a setting by name goes before that (see
 * sysctl.d(5)). The hyphen: at boot there is no such device yet.
 */
const sysctls = (tunnelName: string) => `# Written by ds4.
-net/ipv4/conf/${tunnelName}/rp_filter = 1
`;

/** What NetworkManager runs (NetworkManager-dispatcher(8)): it takes away addresses that it doesn't know. */
const dispatcherHook = (uplink: string) => `#!/bin/sh
# Written by ds4: what NetworkManager took away of '${uplink}' comes back.
case "$1 $2" in '${uplink} up' | '${uplink} dhcp6-change' | '${uplink} reapply') ;; *) exit 0 ;; esac
${runForHook}`;

/**
 * systemd-networkd removes addresses, unreachable routes and rules that it doesn't know whenever it (re)configures a
 * link (seen on 252); so it must know. A route over the tunnel stays: that device isn't its own.
 */
function networkdKnown<W extends World>(role: Role<W>, world: W): string {
  const { address, own } = role.end(world);
  const sections = [
    ...(own
      ? [`[Address]\nAddress=${address}/128\nPreferredLifetime=0\nDuplicateAddressDetection=none\n`]
      : []),
    ...role.networkd(world),
  ];
  return `# Written by ds4.\n${sections.join("\n")}`;
}

const networkdUnmanaged = (tunnelName: string) => `# Written by ds4: systemd-networkd leaves its tunnel alone.
[Match]
Name=${tunnelName}

[Link]
Unmanaged=yes
`;

/**
 * Root's alone, but for what others than root have to read, and what holds nothing but what `ip` tells everybody:
 * systemd-networkd runs as a user of its own, and systemd warns of units that not all can read.
 */
function files<W extends World>(
  role: Role<W>,
  bootSteps: readonly BootStep<W>[],
  world: W,
): readonly (readonly [string, State])[] {
  const { site, design } = world;
  const { device, address, own, peer, persist } = role.end(world);
  const facts = role.facts(world);
  const parts = bootSteps.map((step) => [step, step.desired(world)] as const);
  const networkFile = facts.networkFiles.get(device);
  const ifupdown = persist === "ifupdown" || facts.ifupdown.interfaces.includes(device);
  const name = networkFile?.slice(networkFile.lastIndexOf("/") + 1);
  return [
    [
      "/etc/ds4/site",
      fileState(
        renderOwned({
          site: site.name,
          tunnel: {
            name: site.tunnel.name,
            atHome: site.tunnel.end,
            local: address,
            ownLocal: own,
            remote: peer,
            servers: serversOf(site),
            mtu: design.mtu,
            table: site.tunnel.table,
          },
        }),
      ),
    ],
    [bootScriptPath, fileState(bootScript(site.name, parts), "700")],
    ["/etc/sysctl.d/90-ds4.conf", fileState(sysctls(site.tunnel.name), "644")],
    ...(persist === "systemd"
      ? [bootUnit(role)]
      : [["/etc/network/interfaces.d/ds4", fileState(stanza(site.tunnel.name))] as const]),
    ...(facts.systemd ? flusherFiles(["ipv6", "ipv4"]) : []),
    ...(ifupdown ? [["/etc/network/if-up.d/ds4", fileState(ifupHook(device), "700")] as const] : []),
    ...(facts.networkManager
      ? [["/etc/NetworkManager/dispatcher.d/90-ds4", fileState(dispatcherHook(device), "700")] as const]
      : []),
    ...(name === undefined
      ? []
      : [
          [
            "/etc/systemd/network/00-ds4.network",
            fileState(networkdUnmanaged(site.tunnel.name), "644"),
          ] as const,
          [`/etc/systemd/network/${name}.d/ds4.conf`, fileState(networkdKnown(role, world), "644")] as const,
        ]),
  ];
}

/**
 * Has systemd-networkd read its files again. That configures the uplink anew, which takes away the rules and routes
 * that others made by hand (seen on 252), so these are put back; and it goes on after `networkctl reload` has
 * returned, so that is waited for, 20 s at most.
 */
const networkdReload = [
  `kept=${runFolder}/kept; rm -rf "$kept"; mkdir -p -m 700 ${runFolder} "$kept"`,
  // One line each, also of those with several next hops.
  "routes() { ip -o -$1 route show table all | grep -v -e 'proto kernel' -e 'proto ra' -e 'proto dhcp' || :; }",
  'for f in 4 6; do ip -$f rule >"$kept/rule$f"; routes $f >"$kept/route$f"; done',
  "states() { stat -c '%i %z' /run/systemd/netif/links/* 2>/dev/null || :; }; states=$(states)",
  "networkctl reload",
  // It begins a moment later, too: until then, all looks as if it were done.
  'n=0; while [ "$(states)" = "$states" ] && [ $n -lt 15 ]; do sleep 0.2; n=$((n+1)); done',
  "n=0; while grep -Eqs '^ADMIN_STATE=(pending|initialized|configuring)' /run/systemd/netif/links/* && [ $n -lt 20 ]; do sleep 1; n=$((n+1)); done",
  "for f in 4 6; do",
  '  ip -$f rule >"$kept/now"',
  // Of a device that isn't there, `ip` shows more than it takes.
  '  grep -vxF -f "$kept/now" "$kept/rule$f" | sed "s/ \\[detached\\]//" | while IFS=: read -r p rule; do ip -$f rule add $rule priority "$p" || :; done',
  '  routes $f >"$kept/now"',
  '  grep -vxF -f "$kept/now" "$kept/route$f" | sed "s/[\\\\]/ /g" | while read -r route; do ip -$f route add $route || :; done',
  "done",
  'rm -r "$kept"',
];

/** The files that make it last, the boot script among them. */
export function persistenceStep<W extends World>(
  role: Role<W>,
  bootSteps: readonly BootStep<W>[],
): LinuxStep<W> {
  return {
    name: "file",
    layer: "configured",
    desired: (world) => new Map(files(role, bootSteps, world)),
    probe: () =>
      probeFiles([
        "/etc/ds4/site",
        bootScriptPath,
        "/etc/systemd/system/ds4.service",
        "/etc/network/interfaces.d/ds4",
        "/etc/network/if-up.d/ds4",
        "/etc/sysctl.d/90-ds4.conf",
        "/etc/NetworkManager/dispatcher.d/90-ds4",
        "/etc/systemd/network/00-ds4.network",
        "/etc/systemd/network/*.network.d/ds4.conf",
        ...flusherPatterns,
      ]),
    parse: parseFiles,
    conflicts: (world) => {
      const { device, own } = role.end(world);
      const { networkFiles } = role.facts(world);
      const file = networkFiles.get(device);
      const others = [...networkFiles].filter(([name, other]) => other === file && name !== device);
      if (file === undefined || !own || others.length === 0) return [];
      return [
        {
          host: role.host,
          message: `systemd-networkd sets up ${others.map(([name]) => name).join(", ")} by the same file as ${device}, ${file}: the tunnel's address would be on each of them`,
          hint: `give ${device} a file of its own: copy ${file} to /etc/systemd/network/05-${device}.network, say 'Name=${device}' there, then 'networkctl reload'`,
        },
      ];
    },
    render: (changes, context) => {
      const touched = (part: string) => changes.some(({ id }) => id.includes(part));
      if (changes.some(({ id, to }) => !to && id === bootScriptPath)) {
        // The list of packages, too, where somebody has removed them meanwhile; not where an undo couldn't remove them.
        context.finally(
          `rm -rf /etc/ds4/before; [ "\${failed:-no}" = yes ] || rm -f /etc/ds4/packages; rmdir /etc/ds4 2>/dev/null || :`,
        );
      }
      const script = wanted(changes).find(({ id }) => id === bootScriptPath)?.to.content;
      return [
        // From now on it may run at any boot, also at one in the middle of this change.
        ...(script === undefined ? [] : notesFor(String(script), bootSteps)),
        ...renderFiles(changes, context),
        ...(touched("/systemd/system/") ? [reloadUnits] : []),
        // Now, and not at the end: what comes next would be taken away again.
        ...(touched("/systemd/network/") ? networkdReload : []),
        ...changes.flatMap(({ id, to }) =>
          !to && /\.(network|service)\.d\//.test(id)
            ? [`rmdir ${id.slice(0, id.lastIndexOf("/"))} 2>/dev/null || :`]
            : [],
        ),
      ];
    },
  };
}
