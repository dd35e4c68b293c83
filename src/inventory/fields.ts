import { z } from "zod";
import {
  endpoint6,
  forwardServer,
  INTERFACE_BYTES,
  lan,
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
  vpsEndpoint,
  vpsUplink,
  zone,
} from "./checks.js";
import { modeNames } from "./site.js";

// What editors can check by themselves; the checks above decide.
const ipv4 = { format: "ipv4", pattern: "^\\d+(\\.\\d+){3}$" };
const device = { maxLength: INTERFACE_BYTES, pattern: "^[A-Za-z0-9_][A-Za-z0-9_.-]*$" };

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
  "vps.uplink": vpsUplink.meta({
    description: "The VPS's network device towards the internet. Found by itself.",
    examples: ["eth0"],
    ...device,
  }),
  "vps.publicIPv4": publicIPv4.meta({
    description: "The IPv4 address that visitors reach. Found by itself.",
    examples: ["203.0.113.144"],
    ...ipv4,
  }),
  "vps.endpoint": vpsEndpoint.meta({
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
  server: server.meta({
    description: "The home server's IPv4 address in the LAN: all of the public IPv4 goes there.",
    examples: ["192.168.1.210"],
    ...ipv4,
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
    description: "The router's routing table for what the server sends. By itself 42.",
    examples: [42],
    type: "integer",
    minimum: 1,
    maximum: TABLE_MAX,
  }),
} as const;
