import { quote } from "../../core/script.js";
import type { State } from "../../core/state.js";
import type { World } from "../../hosts/world.js";
import { type BootStep, renderByBootScript } from "./boot.js";
import type { Role } from "./role.js";

/**
 * The 4in6 tunnel (RFC 2473). `encaplimit none`, because the default adds an 8-byte option to each packet that
 * some providers drop; a set MTU, because with a smaller path packets would vanish; no IPv4 address, and a strict
 * rp_filter, so that nothing comes out of it that isn't the server's, or at home isn't for it; it asks with the mark
 * where the way back is found by that.
 */
export function tunnelStep<W extends World>(role: Role<W>): BootStep<W> {
  const step: BootStep<W> = {
    name: "tunnel",
    layer: "live",
    desired: (world) => {
      const { address, peer, device } = role.end(world);
      return new Map([
        [
          world.site.tunnel.name,
          {
            local: address,
            remote: peer,
            device,
            mtu: world.design.mtu,
            encaplimit: "none",
            hoplimit: 64,
            rpFilter: "1",
            srcValidMark: role.byMark(world) ? "1" : "0",
            up: true,
          },
        ],
      ]);
    },
    probe: () =>
      'for d in /proc/sys/net/ipv4/conf/*; do read -r filter <"$d/rp_filter"; read -r mark <"$d/src_valid_mark"; echo "${d##*/} $filter $mark"; done',
    parse: (section, facts, site) => {
      const name = facts.owned?.tunnel?.name ?? site.tunnel.name;
      const link = facts.links.find((candidate) => candidate.name === name);
      if (link === undefined || !facts.marked) return new Map();
      const text = (field: string) => String(link.data[field] ?? "");
      const [, rpFilter = "", srcValidMark = ""] =
        section.stdout
          .split("\n")
          .map((line) => line.split(" "))
          .find(([device]) => device === name) ?? [];
      const state: State = {
        local: text("local"),
        remote: text("remote"),
        device: text("link"),
        mtu: link.mtu,
        encaplimit: link.data.ip6_tnl_f_ign_encap_limit === true ? "none" : text("encap_limit"),
        hoplimit: Number(link.data.ttl ?? 0),
        rpFilter,
        srcValidMark,
        up: link.up,
        ...(link.kind === "ip6tnl" && text("proto") === "ipip6"
          ? {}
          : { kind: `${link.kind} ${text("proto")}`.trim() }),
      };
      return new Map([[name, state]]);
    },
    up: (id, state) => {
      const name = quote(id);
      const device = `/sys/class/net/${name}`;
      const parameters = [
        "type ip6tnl mode ipip6",
        `local ${quote(String(state.local))} remote ${quote(String(state.remote))}`,
        `encaplimit ${quote(String(state.encaplimit))} hoplimit ${state.hoplimit} dev ${quote(String(state.device))}`,
      ].join(" ");
      return [
        "[ -d /sys/module/ip6_tunnel ] || modprobe -q ip6_tunnel || :",
        // Changed in place where that is possible: the routes over it stay. For one that isn't there, `ip` has the kernel
        // look for a module of its name.
        `if ! { [ -e ${device} ] && ip link set ${name} ${parameters} 2>/dev/null; }; then`,
        // What was on another one goes with it: the rest of the script is due, too.
        `  [ ! -e ${device} ] || { ip link del ${name} && asked='  '; }`,
        `  ip link add ${name} mtu ${state.mtu} ${parameters}`,
        "fi",
        `ip link set ${name} mtu ${state.mtu} ${state.up ? "up" : "down"}`,
        `echo ${state.rpFilter} >/proc/sys/net/ipv4/conf/${name}/rp_filter`,
        `echo ${state.srcValidMark} >/proc/sys/net/ipv4/conf/${name}/src_valid_mark`,
      ];
    },
    render: (changes, context) =>
      renderByBootScript(
        step,
        changes,
        (id) => [`[ ! -e /sys/class/net/${quote(id)} ] || ip link del ${quote(id)} 2>/dev/null || :`],
        context,
      ),
    conflicts: (world) => {
      const { site } = world;
      const { host } = role;
      const facts = role.facts(world);
      const { address, peer } = role.end(world);
      const taken = facts.links.find(({ name }) => name === site.tunnel.name);
      const twin = facts.links.find(
        (link) =>
          link.kind === "ip6tnl" &&
          link.data.local === address &&
          link.data.remote === peer &&
          link !== taken,
      );
      return [
        ...(facts.tunnelModule
          ? []
          : [
              {
                host,
                message: `the ${role.name}'s kernel has no module ip6_tunnel`,
                hint: "install the distribution's full kernel ('apt install linux-image-amd64') and reboot; a container (LXC, OpenVZ) can't do it: it takes a virtual machine of its own, such as KVM",
              },
            ]),
        ...(taken !== undefined && !facts.marked
          ? [
              {
                host,
                message: `there is an interface ${taken.name} already, and it isn't ds4's`,
                hint: `remove it ('ip link del ${taken.name}' and what makes it at boot), or choose 'tunnel: { name: … }'`,
              },
            ]
          : []),
        ...(twin !== undefined && facts.owned?.tunnel?.name !== twin.name
          ? [
              {
                host,
                message: `the tunnel ${twin.name} has the same two ends (${address}, ${peer})`,
                hint: `remove it ('ip link del ${twin.name}' and what makes it at boot): two such tunnels exclude each other`,
              },
            ]
          : []),
      ];
    },
  };
  return step;
}
