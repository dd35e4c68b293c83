import { elsewhere } from "../../src/steps/home/routes.js";
import { privateRanges } from "../../src/steps/private-ranges.js";
import { type ds4Json, mode, viaTunnel } from "./machines.js";
import type { LabHost } from "./modes.js";
import { publicIPv4, server } from "./visitor.js";

/** Something done by hand to a machine, and how `ds4 status` must name it: `host step id`, with the fields. */
export type Damage = {
  readonly name: string;
  /** Damages of one round don't touch each other, and are done, named and mended together. */
  readonly round: number;
  readonly machine: LabHost;
  readonly script: string;
  readonly drift: readonly string[];
};

type Changes = Awaited<ReturnType<typeof ds4Json>>["changes"];

/** `host step id: fields`, or `missing`. */
export function named(changes: Changes): string[] {
  return changes.flatMap(({ host, step, id, action, fields }) =>
    action === "make"
      ? [`${host} ${step} ${id}: missing`]
      : fields.map((field) => `${host} ${step} ${id}: ${field}`),
  );
}

const local = "2001:db8:1:0:203:0:113:144";
const remote = "2001:db8:100:0:203:0:113:144";

const flush =
  mode.iptables === "legacy"
    ? "for i in iptables ip6tables; do for t in nat mangle filter; do $i -t $t -F; $i -t $t -X; done; done"
    : "nft flush ruleset";

const onTunnel: readonly Damage[] = [
  {
    name: "a rule gone",
    round: 1,
    machine: "vps",
    script: "iptables -D DS4-FORWARD 1",
    drift: ["vps chains ipv4: filter DS4-FORWARD"],
  },
  {
    name: "a rule doubled",
    round: 2,
    machine: "vps",
    script: `iptables -t nat -A DS4-POSTROUTING -s ${server}/32 -o eth0 -j SNAT --to-source ${publicIPv4}`,
    drift: ["vps chains ipv4: nat DS4-POSTROUTING"],
  },
  {
    name: "rules in another order",
    round: 3,
    machine: "vps",
    script:
      "r=$(iptables -S DS4-FORWARD | sed -n 's/^-A DS4-FORWARD //p' | tail -n 1); iptables -D DS4-FORWARD $r; iptables -I DS4-FORWARD 1 $r",
    drift: ["vps chains ipv4: filter DS4-FORWARD"],
  },
  {
    name: "a jump gone",
    round: 1,
    machine: "vps",
    script: "iptables -t nat -D PREROUTING -j DS4-PREROUTING",
    drift: ["vps chains ipv4: nat PREROUTING jump"],
  },
  {
    name: "a jump doubled",
    round: 2,
    machine: "vps",
    script: "iptables -A FORWARD -j DS4-FORWARD",
    drift: ["vps chains ipv4: filter FORWARD jump"],
  },
  {
    name: "a rule of somebody else before the jump",
    round: 3,
    machine: "vps",
    script: "iptables -I FORWARD 1 -s 192.0.2.77/32 -j REJECT",
    drift: ["vps chains ipv4: filter FORWARD jump"],
  },
  {
    name: "the IPv6 chain emptied",
    round: 1,
    machine: "vps",
    script: "ip6tables -F DS4-INPUT",
    drift: ["vps chains ipv6: filter DS4-INPUT"],
  },
  {
    name: "all rules flushed",
    round: 4,
    machine: "vps",
    script: flush,
    drift: ["vps chains ipv6: missing", "vps chains ipv4: missing"],
  },
  {
    name: "the tunnel deleted",
    round: 4,
    machine: "vps",
    script: "ip link del wrap1",
    drift: ["vps tunnel wrap1: missing", `vps route ${server}: missing`],
  },
  {
    name: "the tunnel down",
    round: 1,
    machine: "vps",
    script: "ip link set wrap1 down",
    drift: ["vps tunnel wrap1: up", `vps route ${server}: missing`],
  },
  {
    name: "another MTU",
    round: 1,
    machine: "vps",
    script: "ip link set wrap1 mtu 1400",
    drift: ["vps tunnel wrap1: mtu"],
  },
  {
    name: "an encapsulation limit",
    round: 2,
    machine: "vps",
    script: "ip link set wrap1 type ip6tnl encaplimit 4; ip link set wrap1 mtu 1460",
    drift: ["vps tunnel wrap1: encaplimit"],
  },
  {
    name: "another far end",
    round: 3,
    machine: "vps",
    script: "ip link set wrap1 type ip6tnl remote 2001:db8:100::bad; ip link set wrap1 mtu 1460",
    drift: ["vps tunnel wrap1: remote"],
  },
  {
    name: "rp_filter off",
    round: 3,
    machine: "vps",
    script: "sysctl -qw net.ipv4.conf.wrap1.rp_filter=0",
    drift: ["vps tunnel wrap1: rpFilter"],
  },
  {
    name: "the address gone",
    round: 1,
    machine: "vps",
    script: `ip -6 addr del ${local}/128 dev eth0`,
    drift: [`vps address ${local}/128: missing`],
  },
  {
    name: "the address no longer deprecated",
    round: 2,
    machine: "vps",
    script: `ip -6 addr change ${local}/128 dev eth0 preferred_lft forever`,
    drift: [`vps address ${local}/128: deprecated`],
  },
  {
    name: "forwarding off",
    round: 1,
    machine: "vps",
    script: "sysctl -qw net.ipv4.ip_forward=0",
    drift: ["vps sysctl net.ipv4.ip_forward: value"],
  },
  {
    name: "a route replaced",
    round: 2,
    machine: "vps",
    script: `ip route replace ${server}/32 dev eth0 proto 204`,
    drift: [`vps route ${server}: device`],
  },
  {
    name: "the unreachable route gone",
    round: 1,
    machine: "vps",
    script: `ip route del unreachable ${server} metric 4000000000`,
    drift: [`vps route ${server}/unreachable: missing`],
  },
];

/** In every mode. */
const onVps: readonly Damage[] = [
  {
    name: "the boot script edited",
    round: 1,
    machine: "vps",
    script: "echo 'echo hello' >>/etc/ds4/up",
    drift: ["vps file /etc/ds4/up: content"],
  },
  {
    name: "the boot script readable by all",
    round: 2,
    machine: "vps",
    script: "chmod 755 /etc/ds4/up",
    drift: ["vps file /etc/ds4/up: mode"],
  },
  {
    name: "the note of what is ds4's removed",
    round: 3,
    machine: "vps",
    script: "rm /etc/ds4/site",
    drift: ["vps file /etc/ds4/site: missing"],
  },
  {
    name: "the unit disabled",
    round: 1,
    machine: "vps",
    script: "systemctl -q disable ds4.service",
    drift: ["vps unit ds4.service: enabled"],
  },
];

/** The example's relays: TCP 80, 443 and 8080, TCP and UDP 9000. */
const onRelay: readonly Damage[] = [
  {
    name: "a relay stopped",
    round: 1,
    machine: "vps",
    script: "systemctl stop ds4-relay-tcp-80.service",
    drift: ["vps socat tcp/80: missing"],
  },
  {
    name: "a relay's unit edited",
    round: 1,
    machine: "vps",
    script: "sed -i 's/^MemoryMax=.*/MemoryMax=1G/' /etc/systemd/system/ds4-relay-tcp-443.service",
    drift: ["vps relay tcp/443: content"],
  },
  {
    name: "a relay's unit disabled",
    round: 1,
    machine: "vps",
    script: "systemctl -q disable ds4-relay-tcp-8080.service",
    drift: ["vps relay tcp/8080: enabled"],
  },
  {
    name: "a relay's unit removed",
    round: 1,
    machine: "vps",
    script: "rm /etc/systemd/system/ds4-relay-udp-9000.service",
    drift: ["mode", "owner", "content"].map((field) => `vps relay udp/9000: ${field}`),
  },
  {
    name: "a rule gone",
    round: 1,
    machine: "vps",
    script: "iptables -D DS4-RELAY 1",
    drift: ["vps chains relay: filter DS4-RELAY"],
  },
  {
    name: "a jump doubled",
    round: 1,
    machine: "vps",
    script: "iptables -A INPUT -j DS4-RELAY",
    drift: ["vps chains relay: filter INPUT jump"],
  },
  {
    name: "a relay's unit readable by root alone",
    round: 2,
    machine: "vps",
    script: "chmod 600 /etc/systemd/system/ds4-relay-tcp-80.service",
    drift: ["vps relay tcp/80: mode"],
  },
  {
    name: "all rules flushed",
    round: 2,
    machine: "vps",
    script: "nft flush ruleset",
    drift: ["vps chains relay: missing"],
  },
];

const onRouter: readonly Damage[] = [
  {
    name: "a UCI option edited",
    round: 1,
    machine: "router",
    script: "uci set firewall.ds4_in.dest_ip=192.168.1.99; uci commit firewall",
    drift: ["router uci firewall.ds4_in: dest_ip"],
  },
  {
    name: "a UCI section removed",
    round: 2,
    machine: "router",
    script: "uci delete network.ds4_rule_table; uci commit network",
    drift: ["router uci network.ds4_rule_table: missing"],
  },
  {
    name: "the zone renamed and loaded",
    round: 3,
    machine: "router",
    script:
      "uci set firewall.ds4_zone.name=tunnel; uci commit firewall; /etc/init.d/firewall reload 2>/dev/null; true",
    drift: [
      "router uci firewall.ds4_zone: name",
      "router firewall zone: missing",
      "router firewall ds4_in: missing",
      "router firewall ds4_bogon: missing",
      "router firewall ds4_out: missing",
    ],
  },
  {
    name: "a firewall rule gone from the kernel",
    round: 1,
    machine: "router",
    script:
      "h=$(nft -a list chain inet fw4 input_wan | sed -n 's/.*fw4: ds4_outer.*handle //p'); nft delete rule inet fw4 input_wan handle $h",
    drift: ["router firewall ds4_outer: missing"],
  },
  {
    name: "the file for fw4 edited",
    round: 1,
    machine: "router",
    script: "echo '# mine' >>/etc/nftables.d/ds4.nft",
    drift: ["router file /etc/nftables.d/ds4.nft: content"],
  },
  {
    name: "a chain of that file emptied",
    round: 4,
    machine: "router",
    script: "nft flush chain inet fw4 ds4_hairpin_in",
    drift: ["router firewall ds4_hairpin_in: missing"],
  },
  {
    name: "a rule gone from the kernel",
    round: 1,
    machine: "router",
    script: "ip rule del priority 4201",
    drift: ["router rule 4201: missing"],
  },
  {
    name: "the table's default route replaced",
    round: 2,
    machine: "router",
    script: "ip route replace default dev br-lan table 42",
    drift: ["router route default/42: via"],
  },
  {
    name: "the table emptied",
    round: 1,
    machine: "router",
    script: "ip route flush table 42",
    drift: ["default", "unreachable default", ...privateRanges.map((range) => `throw ${range}`)].map(
      (route) => `router route ${route}/42: missing`,
    ),
  },
  {
    name: "the tunnel deleted",
    round: 4,
    machine: "router",
    script: "ip link del wrap1",
    drift: ["router tunnel wrap1: missing", "router route default/42: missing"],
  },
  {
    name: "rp_filter off",
    round: 3,
    machine: "router",
    script: "echo 0 >/proc/sys/net/ipv4/conf/wrap1/rp_filter",
    drift: ["router tunnel wrap1: rpFilter"],
  },
  {
    name: "the endpoint's address gone",
    round: 2,
    machine: "router",
    script: `ip -6 addr del ${remote}/128 dev lo`,
    drift: [`router address ${remote}/128: missing`],
  },
  {
    name: "another MTU",
    round: 1,
    machine: "router",
    script: "ip link set wrap1 mtu 1300",
    drift: ["router tunnel wrap1: mtu"],
  },
  {
    name: "the init script edited",
    round: 2,
    machine: "router",
    script: "sed -i 's/START=19/START=99/' /etc/init.d/ds4",
    drift: ["router file /etc/init.d/ds4: content"],
  },
  {
    name: "the init script disabled",
    round: 1,
    machine: "router",
    script: "/etc/init.d/ds4 disable",
    drift: ["router boot ds4: missing"],
  },
  {
    name: "not kept over an upgrade",
    round: 3,
    machine: "router",
    script: "sed -i '/ds4/d' /etc/sysupgrade.conf",
    drift: [
      "router boot /etc/sysupgrade.conf:/etc/ds4/: missing",
      "router boot /etc/sysupgrade.conf:/etc/init.d/ds4: missing",
      "router boot /etc/sysupgrade.conf:/etc/rc.d/S19ds4: missing",
    ],
  },
];

const onHome: readonly Damage[] = [
  {
    name: "a rule gone",
    round: 1,
    machine: "home",
    script: "iptables -D DS4-INPUT 1",
    drift: ["home chains ipv4: filter DS4-INPUT"],
  },
  {
    name: "a rule of somebody else before the jump",
    round: 2,
    machine: "home",
    script: "iptables -t mangle -I PREROUTING 1 -i wrap1 -j ACCEPT",
    drift: ["home chains ipv4: mangle PREROUTING jump"],
  },
  {
    name: "all rules flushed",
    round: 4,
    machine: "home",
    script:
      "nft flush ruleset 2>/dev/null || { for t in filter mangle; do iptables -t $t -F; iptables -t $t -X; done; ip6tables -F; ip6tables -X; }",
    drift: ["home chains ipv6: missing", "home chains ipv4: missing"],
  },
  {
    name: "the tunnel deleted",
    round: 4,
    machine: "home",
    script: "ip link del wrap1",
    drift: ["home tunnel wrap1: missing", "home route 42/default: missing"],
  },
  {
    name: "another MTU",
    round: 1,
    machine: "home",
    script: "ip link set wrap1 mtu 1300",
    drift: ["home tunnel wrap1: mtu"],
  },
  {
    name: "rp_filter off",
    round: 3,
    machine: "home",
    script: "echo 0 >/proc/sys/net/ipv4/conf/wrap1/rp_filter",
    drift: ["home tunnel wrap1: rpFilter"],
  },
  {
    name: "the endpoint's address gone",
    round: 2,
    machine: "home",
    script: `ip -6 addr del ${remote}/128 dev eth0`,
    drift: [`home address ${remote}/128: missing`],
  },
  {
    name: "a routing rule gone",
    round: 1,
    machine: "home",
    script: "ip rule del priority 4201",
    drift: ["home rule 4201: missing"],
  },
  {
    name: "a routing rule doubled by another",
    round: 3,
    machine: "home",
    script: "ip rule add from 192.168.1.99 lookup 42 priority 4200",
    drift: ["home rule 4200: rule"],
  },
  {
    name: "the table's default route replaced",
    round: 2,
    machine: "home",
    script: "ip route replace default dev eth0 table 42 proto 204",
    drift: ["home route 42/default: device"],
  },
  {
    name: "the table emptied",
    round: 5,
    machine: "home",
    script: "ip route flush table 42",
    drift: [
      "home route 42/default: missing",
      "home route 42/default/unreachable: missing",
      ...elsewhere.map((range) => `home route 42/${range}/throw: missing`),
    ],
  },
  {
    name: "the boot script edited",
    round: 3,
    machine: "home",
    script: "echo 'echo hello' >>/etc/ds4/up",
    drift: ["home file /etc/ds4/up: content"],
  },
  {
    name: "the note of what is ds4's removed",
    round: 2,
    machine: "home",
    script: "rm /etc/ds4/site",
    drift: ["home file /etc/ds4/site: missing"],
  },
  {
    name: "the unit disabled",
    round: 1,
    machine: "home",
    script: "systemctl -q disable ds4.service",
    drift: ["home unit ds4.service: enabled"],
  },
];

export const damages: readonly Damage[] = [
  ...onVps,
  ...(viaTunnel ? [...onTunnel, ...(mode.home === "linux" ? onHome : onRouter)] : onRelay),
];
