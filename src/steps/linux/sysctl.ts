import { keepNote, quote, required } from "../../core/script.js";
import { wanted } from "../../core/step.js";
import type { World } from "../../hosts/world.js";
import { type BootStep, renderByBootScript } from "./boot.js";
import type { Role } from "./role.js";

const key = "net.ipv4.ip_forward";
const before = "/etc/ds4/before/sysctl";
const root = "/proc/sys/net/ipv4";

const note = [
  "mkdir -p -m 700 /etc/ds4 /etc/ds4/before",
  `[ -e ${before} ] || ( umask 077; cd ${root}; grep . ip_forward conf/*/forwarding conf/all/accept_redirects >${before}.new; ${keepNote(`${before}.new`, before)} )`,
];

/** Files that set sysctls at boot: sysctl.d(5), and ufw's own (`IPT_SYSCTL` in /etc/default/ufw). */
const sysctlFiles =
  "/etc/sysctl.conf /etc/sysctl.d/*.conf /run/sysctl.d/*.conf /usr/local/lib/sysctl.d/*.conf /usr/lib/sysctl.d/*.conf /etc/ufw/sysctl.conf";

/** Whether somebody else has come to need forwarding: who shares an address here rewrites it, or has it in a file. ds4's rules are gone by then. */
const needed = `{ { iptables-save -t nat; nft -t list ruleset; } 2>/dev/null | grep -qiwE 'masquerade|snat' || grep -qsE '^[[:space:]]*-?net[./]ipv4[./](ip_forward|conf[./]all[./]forwarding)[[:space:]]*=[[:space:]]*1' ${sysctlFiles}; }`;

/**
 * Forwarding of IPv4, and of IPv4 alone: with IPv6 forwarding on, the kernel would drop the default route that it
 * learned from router advertisements. The sysctl is shared with others, so what it was is kept on the host.
 * Writing `ip_forward` sets every interface's `forwarding` and `conf/all/accept_redirects` along
 * (seen on 6.1 and 6.12), hence those are kept, too.
 */
export function sysctlStep<W extends World>(role: Role<W>): BootStep<W> {
  const step: BootStep<W> = {
    name: "sysctl",
    layer: "live",
    note,
    desired: (world) => new Map(role.forwards(world) ? [[key, { value: "1" }]] : []),
    probe: () => `[ ! -e ${before} ] || cat ${root}/ip_forward`,
    parse: (section) => {
      const value = required(section, key).trim();
      return value === "" ? new Map() : new Map([[key, { value }]]);
    },
    up: (_, { value }) => [
      `[ "$(cat ${root}/ip_forward)" = ${quote(String(value))} ] || echo ${quote(String(value))} >${root}/ip_forward`,
    ],
    render: (changes, context) => {
      const keep = wanted(changes).some(({ from }) => from === undefined) ? note : [];
      const lines = renderByBootScript(
        step,
        changes,
        () => [
          `[ ! -r ${before} ] || ${needed} || while IFS=: read -r f v; do [ ! -w "${root}/$f" ] || [ "$(cat "${root}/$f")" = "$v" ] || echo "$v" >"${root}/$f"; done <${before}`,
          `rm -f ${before}`,
        ],
        context,
      );
      return [...keep, ...lines];
    },
  };
  return step;
}
