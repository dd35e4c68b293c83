import { client } from "./visitor.js";

/** Something of other people's on the VPS, that has to live beside ds4. */
export type Neighbour = {
  readonly name: string;
  /** Starts it, with something of its own. */
  readonly start: string;
  /** What takes away its rules, or everybody's, and puts its own at the top again. */
  readonly events: readonly string[];
  /** That its own things work; prints `alive`. */
  readonly alive: string;
  /** What `ds4 apply` says of it beforehand. */
  readonly note?: RegExp;
  /** What `ds4 apply` doesn't go on with, and what its hint comes to. */
  readonly refused?: {
    readonly says: RegExp;
    readonly cure: (hint: string) => string;
  };
};

/** All packages at once and none of them started: they come out of the machine's own repository. */
export const install = `export DEBIAN_FRONTEND=noninteractive
printf '#!/bin/sh\\nexit 101\\n' >/usr/sbin/policy-rc.d; chmod 755 /usr/sbin/policy-rc.d
# Compiling Python's library takes an emulated processor minutes, and nothing here needs it.
mkdir -p /usr/lib/python3.11; touch /usr/lib/python3.11/py_compile.py; ln -sf /bin/true /usr/bin/py3compile
for file in /usr/lib/python3.11/py_compile.py /usr/bin/py3compile; do
  dpkg-divert --quiet --local --no-rename --divert $file.real --add $file
done
apt-get -qq update
apt-get -qq -y install --no-install-recommends -o Dpkg::Options::=--force-unsafe-io \\
  docker.io busybox-static fail2ban python3-systemd firewalld ufw >/tmp/apt.log 2>&1 || { tail /tmp/apt.log; exit 1; }
systemctl -q disable docker.service docker.socket containerd fail2ban firewalld
rm /usr/sbin/policy-rc.d
# That was not to be started either, and has to know firewalld's and polkit's names.
systemctl reload dbus`;

/** An image out of one program, so that nothing has to be fetched. It ends as soon as it is told to. */
const container = `mkdir -p /tmp/site/bin /tmp/site/www && cp /bin/busybox /tmp/site/bin/ && echo container >/tmp/site/www/index.html
for name in httpd nc; do ln -s busybox /tmp/site/bin/$name; done
tar -C /tmp/site -c . | docker import - site >/dev/null
docker run --detach --name site --restart always --stop-signal KILL --security-opt apparmor=unconfined --publish 8080:80 \\
  site /bin/httpd -f -h /www >/dev/null`;

const bannedByFail2ban = "fail2ban-client set sshd banip 198.51.100.9 >/dev/null";

const saved = "{ echo flush ruleset; nft list table inet mine; } >/etc/nftables.conf";

export const neighbours: readonly Neighbour[] = [
  {
    name: "Docker with a published port",
    start: `systemctl -q enable --now docker; ${container}`,
    events: ["systemctl restart docker"],
    // From the VPS to the container, and from the container to the world.
    alive: `busybox wget -T 10 -q -O - http://203.0.113.144:8080/ | grep -q container
printf 'GET / HTTP/1.0\\r\\n\\r\\n' | docker exec -i site /bin/nc -w 10 ${client} 80 | grep -q '^address 203.0.113.144' && echo alive`,
    note: /leads home and no longer to these services of the VPS: TCP 8080 \(docker/,
  },
  {
    name: "ufw that drops all but SSH, and fail2ban",
    start: `ufw allow 22/tcp >/dev/null; ufw --force enable >/dev/null
printf '[sshd]\\nbackend = systemd\\n' >/etc/fail2ban/jail.d/lab.conf
systemctl -q enable --now fail2ban; n=0; until ${bannedByFail2ban} 2>/dev/null || [ $n -ge 30 ]; do sleep 1; n=$((n+1)); done`,
    events: [
      "ufw reload",
      "ufw disable; ufw --force enable",
      `systemctl restart fail2ban; sleep 3; fail2ban-client set sshd unbanip 198.51.100.9; ${bannedByFail2ban}`,
    ],
    alive: `ufw status | grep -q '^Status: active' && iptables -S f2b-sshd | grep -q 198.51.100.9/32 && echo alive`,
  },
  {
    name: "firewalld",
    start:
      "systemctl -q enable --now firewalld; firewall-cmd -q --permanent --add-port=4433/tcp; firewall-cmd -q --reload",
    events: [
      "systemctl reload firewalld",
      "systemctl restart firewalld",
      // By hand, and then as ds4 says.
      "firewall-cmd --reload; systemctl reload firewalld",
    ],
    alive: "firewall-cmd --list-ports | grep -q 4433/tcp && echo alive",
    note: /firewalld on the VPS is reloaded, which drops what was set there without --permanent/,
  },
  {
    name: "nftables.service that flushes all, and netfilter-persistent",
    start: `export DEBIAN_FRONTEND=noninteractive
iptables -A INPUT -p tcp --dport 4444 -j DROP
apt-get -qq -y install --no-install-recommends iptables-persistent >/tmp/apt.log 2>&1 || { tail /tmp/apt.log; exit 1; }
cat >/etc/nftables.conf <<'NFT'
#!/usr/sbin/nft -f
flush ruleset
table inet mine {
	chain input {
		type filter hook input priority filter; policy drop;
		ct state established,related accept
		iifname "lo" accept
		icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert, echo-request } accept
		tcp dport 22 accept
	}
	chain forward {
		type filter hook forward priority filter; policy drop;
	}
}
NFT
systemctl -q enable nftables; systemctl restart nftables; systemctl restart netfilter-persistent`,
    events: [
      "systemctl reload nftables; systemctl restart netfilter-persistent",
      "netfilter-persistent save; systemctl restart nftables; systemctl restart netfilter-persistent",
      "systemctl stop nftables; systemctl start nftables; systemctl restart netfilter-persistent",
    ],
    alive:
      "nft list table inet mine | grep -q 'policy drop' && iptables -S INPUT | grep -q 4444 && echo alive",
    refused: {
      says: /the nftables chain 'inet mine forward' drops what it doesn't accept/,
      cure: (hint) =>
        [...hint.split("\n").filter((line) => line.startsWith("  nft insert rule ")), saved].join("\n"),
    },
    note: /'nft -f \/etc\/nftables\.conf', typed on the VPS/,
  },
];

/** All rules and settings that aren't ds4's, in the order of the alphabet: the tools themselves don't keep to one. */
export const own = `{ iptables-save; ip6tables-save; nft -s list ruleset; } 2>/dev/null |
  grep -v -e '^#' -e DS4- -e ds4 | sed 's/\\[[0-9:]*\\]//; s/packets [0-9]* bytes [0-9]*//' | sort
find /etc -xdev -type f ! -name '*.cache' ! -path '/etc/iptables/*' -exec sha256sum {} + | sort -k 2
find /etc -xdev ! -path '/etc/iptables/*' -printf '%M %u %g %p %l\\n' | sort
! grep -s DS4- /etc/iptables/rules.v4 /etc/iptables/rules.v6
cat /proc/sys/net/ipv4/ip_forward; ip rule; ip route; ip -6 rule`;

/** In the manner of mwan3 and pbr (rules by mark, before and behind ds4's), of banIP, and a zone of one's own. */
export const onRouter = `ip route add default dev br-lan table 1
ip rule add fwmark 0x100/0x3f00 lookup 1 priority 2001
ip rule add fwmark 0x10000/0xff0000 lookup 1 priority 30000
nft -f - <<'NFT'
table inet banIP {
	set blocklistv4 { type ipv4_addr; flags interval; elements = { 192.0.2.64/28, 192.0.2.99 } }
	chain wan-input {
		type filter hook input priority -100; policy accept;
		ct state established,related counter accept
		iifname != "eth1" counter accept
		ip saddr @blocklistv4 counter drop
	}
	chain forward {
		type filter hook forward priority -100; policy accept;
		ct state established,related counter accept
		ip saddr @blocklistv4 counter drop
		ip daddr @blocklistv4 counter reject with icmpx admin-prohibited
	}
}
NFT
uci -q batch <<'UCI'
set firewall.guests=zone
set firewall.guests.name='guests'
set firewall.guests.input='REJECT'
add_list firewall.guests.device='br-guests'
commit firewall
UCI
# A reload would put the new chains behind the others, which a restart, as one follows, wouldn't.
/etc/init.d/firewall restart >/dev/null 2>&1`;
