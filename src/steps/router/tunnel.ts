import { HostError } from "../../core/errors.js";
import { quote } from "../../core/script.js";
import type { State } from "../../core/state.js";
import type { RouterWorld } from "../../hosts/world.js";
import { homeSendersOf } from "../../inventory/site.js";
import type { RouterStep } from "./step.js";

export const initScriptPath = "/etc/init.d/ds4";

/**
 * The init script that makes the router's end of the tunnel before netifd starts (that has START=20). Not
 * netifd's own `proto ipip6`, which only newer releases have: its device can't be called `wrap1`, and it stays
 * "up" when somebody deletes it; an interface over a device like this one notices and mends itself (seen on
 * 24.10.5).
 */
export function initScript({ site, design }: Pick<RouterWorld, "site" | "design">): string {
  const lines = make(site.tunnel.name, wantedTunnel({ site, design }));
  return `#!/bin/sh /etc/rc.common
# Written by ds4 for the site '${site.name}': the tunnel from the VPS ends here.

START=19

start() {
	[ -d /sys/module/ip6_tunnel ] || modprobe ip6_tunnel 2>/dev/null
${lines.map((line) => `\t${line}\n`).join("")}}

stop() {
	ip link del ${quote(site.tunnel.name)} 2>/dev/null
}
`;
}

/** Lines that make the tunnel, or bring one that is there to this state. */
function make(id: string, state: State): readonly string[] {
  const name = quote(id);
  const device = `/sys/class/net/${name}`;
  const word = (field: string) => quote(String(state[field]));
  const ends = `mode ipip6 remote ${word("remote")} local ${word("local")} encaplimit ${word("encaplimit")} hoplimit ${word("hoplimit")}`;
  return [
    // For one that isn't there, `ip` has the kernel look for a module of its name.
    `if ! { [ -e ${device} ] && ip -6 tunnel change ${name} ${ends} 2>/dev/null; }; then`,
    `\t[ ! -e ${device} ] || ip link del ${name}`,
    `\tip -6 tunnel add ${name} ${ends}`,
    "fi",
    `ip link set ${name} mtu ${word("mtu")}`,
    `echo ${word("rpFilter")} >/proc/sys/net/ipv4/conf/${name}/rp_filter`,
    `echo ${word("srcValidMark")} >/proc/sys/net/ipv4/conf/${name}/src_valid_mark`,
    `ip link set ${name} ${state.up ? "up" : "down"}`,
  ];
}

function wantedTunnel({ site, design }: Pick<RouterWorld, "site" | "design">): State {
  return {
    local: design.remote,
    remote: design.local,
    mtu: design.mtu,
    encaplimit: "none",
    hoplimit: 64,
    // Strict: out of the tunnel comes only what would be answered by it. That is what is for the server (no other
    // host has the rule for table 42), and not from an address that the router reaches otherwise, such as the LAN's.
    rpFilter: "1",
    // Where the rule for table 42 asks for a mark, the filter has to ask with it.
    srcValidMark: homeSendersOf(site).length > 0 ? "1" : "0",
    up: true,
  };
}

/** The tunnel as the kernel has it. */
export const tunnel: RouterStep = {
  name: "tunnel",
  layer: "live",
  desired: ({ site, design }) => new Map([[site.tunnel.name, wantedTunnel({ site, design })]]),
  // Each by its name: the list of all leaves those out whose MTU is below IPv6's least, 1280 (iproute2 6.1). 769 is
  // ARPHRD_TUNNEL6.
  probe: () => `[ -d /sys/module/ip6_tunnel ] || exit 0
for d in /sys/class/net/*; do
n=\${d##*/} c=/proc/sys/net/ipv4/conf/$n mtu= flags= filter= mark= type=
{ read -r mtu <"$d/mtu"; read -r flags <"$d/flags"; read -r type <"$d/type"; read -r filter <"$c/rp_filter"; read -r mark <"$c/src_valid_mark"; } 2>/dev/null
echo "@ $n $mtu $flags $filter $mark"
[ "$type" != 769 ] || { ip -6 tunnel show "$n" 2>/dev/null; echo; }
done
true`,
  parse: (section, facts, site) => {
    const name = facts.owned?.tunnel?.name ?? site.tunnel.name;
    const lines = section.stdout.split("\n");
    const device = lines.find((line) => line.startsWith(`@ ${name} `))?.split(" ");
    if (device === undefined || !facts.marked) return new Map();
    const flags = Number(device[3]);
    if (!Number.isInteger(flags))
      throw new HostError(`the flags of ${name} can't be read: ${device.join(" ")}`);
    // `ip tunnel show` prints no newline behind a tunnel without encapsulation limit (iproute2 6.1).
    const text = new RegExp(`(?:^|\\W)${name.replaceAll(".", "\\.")}: (\\S+) (.*)`).exec(section.stdout);
    const field = (key: string) => new RegExp(` ${key} (\\S+)`).exec(` ${text?.[2] ?? ""}`)?.[1] ?? "";
    const state: State = {
      local: field("local"),
      remote: field("remote"),
      mtu: Number(device[2]),
      encaplimit: field("encaplimit"),
      hoplimit: Number(field("hoplimit")),
      rpFilter: device[4] ?? "",
      srcValidMark: device[5] ?? "",
      up: (flags & 1) === 1,
      ...(text?.[1] === "ip/ipv6" ? {} : { kind: text?.[1] ?? "no 4in6 tunnel" }),
    };
    return new Map([[name, state]]);
  },
  render: (changes, context) =>
    changes.flatMap(({ id, to }) => [
      context.mark(id),
      ...(to
        ? context.standalone
          ? context.make(id, make(id, to))
          : [`${initScriptPath} start`]
        : [`[ ! -e /sys/class/net/${quote(id)} ] || ip link del ${quote(id)} 2>/dev/null || :`]),
    ]),
  conflicts: ({ site, router, design }) => [
    ...(router.mtus.has(site.tunnel.name) && !router.marked
      ? [
          {
            host: "router" as const,
            message: `there is a device ${site.tunnel.name} already, and it isn't ds4's`,
            hint: `remove it ('ip link del ${site.tunnel.name}' and what makes it at boot), or choose 'tunnel: { name: … }'`,
          },
        ]
      : []),
    ...router.tunnels
      .filter(({ name }) => name !== site.tunnel.name && name !== router.owned?.tunnel?.name)
      .filter(({ local, remote }) => local === design.remote && remote === design.local)
      .map(({ name }) => ({
        host: "router" as const,
        message: `the tunnel ${name} has the same two ends (${design.remote}, ${design.local})`,
        hint: `remove it ('ip link del ${name}' and what makes it at boot): two such tunnels exclude each other`,
      })),
  ],
};
