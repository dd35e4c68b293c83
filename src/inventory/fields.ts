import { z } from "zod";
import {
  endpoint6,
  endpoint6OrPrimary,
  forwardServer,
  INTERFACE_BYTES,
  lan,
  linuxUplink,
  MTU_MAX,
  MTU_MIN,
  mtu,
  publicIPv4,
  routerUplink,
  server,
  sshTarget,
  TABLE_MAX,
  table,
  traffic,
  tunnelName,
  zone,
} from "./checks.js";
import { modeNames } from "./site.js";

// What editors can check by themselves; the checks above decide.
const ipv4 = { format: "ipv4", pattern: "^\\d+(\\.\\d+){3}$" };
const device = { maxLength: INTERFACE_BYTES, pattern: "^[A-Za-z0-9_][A-Za-z0-9_.-]*$" };
const egress = z.enum(["vps", "isp"]);

/** Every key with its own check, by path: the cross-field checks read what is right by itself from here. */
export const fields = {
  mode: z.enum(modeNames).meta({
    description:
      "How the public IPv4 comes home: `tunnel` (by itself) or `relay`, programs on the VPS that pass chosen ports on by IPv6.",
    examples: ["tunnel"],
  }),
  "vps.ssh": sshTarget.meta({
    description: "How to reach the VPS: what you would type after `ssh`.",
    examples: ["root@203.0.113.144"],
    pattern: "^[^-\\s]\\S*$",
  }),
  "vps.uplink": linuxUplink.meta({
    description: "The VPS's network device towards the internet. Found by itself.",
    examples: ["eth0"],
    ...device,
  }),
  "vps.publicIPv4": publicIPv4.meta({
    description: "The IPv4 address that visitors reach. Found by itself.",
    examples: ["203.0.113.144"],
    ...ipv4,
  }),
  "vps.endpoint": endpoint6OrPrimary("2001:db8:1::203:0:113:144").meta({
    description:
      "The tunnel's IPv6 address on the VPS, or `primary` for the uplink's own one. Made from the public IPv4 by itself.",
    examples: ["2001:db8:1::203:0:113:144", "primary"],
    pattern: "^(primary|[0-9A-Fa-f:.]+)$",
  }),
  "vps.persist": z.enum(["systemd", "ifupdown"]).meta({
    description: "What brings it all back at boot: a systemd unit (by itself) or a stanza in interfaces.d.",
    examples: ["systemd"],
  }),
  "router.ssh": sshTarget.meta({
    description: "How to reach the OpenWrt router: what you would type after `ssh`.",
    examples: ["root@192.168.1.1"],
    pattern: "^[^-\\s]\\S*$",
  }),
  "router.uplink": routerUplink.meta({
    description: "The interface in /etc/config/network with the provider's IPv6. Found by itself.",
    examples: ["wan6"],
    maxLength: INTERFACE_BYTES,
    pattern: "^[A-Za-z0-9_]+$",
  }),
  "router.endpoint": endpoint6("2001:db8:100::203:0:113:144", "").meta({
    description: "The tunnel's IPv6 address on the router. Made from the public IPv4 by itself.",
    examples: ["2001:db8:100::203:0:113:144"],
    pattern: "^[0-9A-Fa-f:.]+$",
  }),
  "router.zones.wan": zone.meta({
    description: "The firewall zone of the uplink. Found by itself.",
    examples: ["wan"],
  }),
  "router.zones.lan": zone.meta({
    description: "The firewall zone of the server's LAN. Found by itself.",
    examples: ["lan"],
  }),
  "router.lan": lan.meta({
    description: "The server's LAN as an IPv4 prefix. Found by itself.",
    examples: ["192.168.1.0/24"],
    pattern: "^\\d+(\\.\\d+){3}/\\d+$",
  }),
  "home.kind": z.literal("linux").meta({
    description: "What the machine at home is: a Linux like Debian, the home server itself or another one.",
    examples: ["linux"],
  }),
  "home.ssh": sshTarget.meta({
    description: "How to reach the Linux machine at home: what you would type after `ssh`.",
    examples: ["root@192.168.1.210"],
    pattern: "^[^-\\s]\\S*$",
  }),
  "home.uplink": linuxUplink.meta({
    description: "Its network device with the provider's IPv6. Found by itself.",
    examples: ["eth0"],
    ...device,
  }),
  "home.endpoint": endpoint6OrPrimary("2001:db8:100::203:0:113:144").meta({
    description:
      "The tunnel's IPv6 address there, or `primary` for the uplink's own one. Made from the public IPv4 by itself.",
    examples: ["2001:db8:100::203:0:113:144", "primary"],
    pattern: "^(primary|[0-9A-Fa-f:.]+)$",
  }),
  "home.persist": z.enum(["systemd", "ifupdown"]).meta({
    description: "What brings it all back at boot: a systemd unit (by itself) or a stanza in interfaces.d.",
    examples: ["systemd"],
  }),
  server: server.meta({
    description: "The home server's IPv4 address in the LAN: all of the public IPv4 goes there.",
    examples: ["192.168.1.210"],
    ...ipv4,
  }),
  egress: egress.meta({
    description:
      "By which way what the servers begin themselves leaves: with the public IPv4 (`vps`, by itself) or by the home's provider (`isp`). Not with `mode: relay`.",
    examples: ["vps"],
  }),
  hairpin: z.enum(["router", "vps"]).meta({
    description:
      "What takes LAN hosts that use the public IPv4 to the servers: the router (by itself), or the VPS after a trip through the internet. Not with `mode: relay`.",
    examples: ["router"],
  }),
  "forward.server": forwardServer.meta({
    description: "A home server's IPv4 address in the LAN; with `mode: relay` its IPv6 address, or a name.",
    examples: ["192.168.1.210"],
    pattern: "^[A-Za-z0-9_.:-]+$",
  }),
  "forward.traffic": traffic.meta({
    description:
      "What goes there, one text or a list: all, icmp, any IP protocol, tcp/443, tcp+udp/5060, tcp/8000-8100, tcp/2222 -> 22, all except tcp/22, tcp/8443.",
    examples: ["tcp/443"],
    anyOf: [
      { type: ["string", "integer"] },
      { type: "array", minItems: 1, items: { type: ["string", "integer"] } },
    ],
  }),
  "forward.publicIPv4": publicIPv4.meta({
    description:
      "Which public IPv4 of the VPS's this entry is for, where it has several. By itself the site's: `vps.publicIPv4`, or the one that is found.",
    examples: ["203.0.113.145"],
    ...ipv4,
  }),
  "forward.egress": egress.meta({
    description: "By which way what this server begins itself leaves. By itself what `egress` says for all.",
    examples: ["isp"],
  }),
  "tunnel.name": tunnelName.meta({
    description: "The tunnel's name on both hosts. By itself wrap1.",
    examples: ["wrap1"],
    ...device,
  }),
  "tunnel.mtu": mtu.meta({
    description: "The tunnel's MTU. By itself what the path carries, less 40.",
    examples: [1460],
    type: "integer",
    minimum: MTU_MIN,
    maximum: MTU_MAX,
  }),
  "tunnel.table": table.meta({
    description: "The routing table at home for what the server sends. By itself 42.",
    examples: [42],
    type: "integer",
    minimum: 1,
    maximum: TABLE_MAX,
  }),
  "tunnel.end": z.enum(["router", "home"]).meta({
    description:
      "With both `router` and `home`: which of them ends the tunnel. What a former tunnel left on the other one is taken away.",
    examples: ["home"],
  }),
} as const;
