import { beforeAll, describe, expect, test } from "vitest";
import { applied, ds4, ds4Json, machines, mode, must, site, startClean } from "../machines.js";
import { everything } from "../modes.js";
import { snapshotOf, snapshots } from "../snapshot.js";
import { expectNoPath, expectPath } from "../visitor.js";

/** Things of other people on both hosts, of the kinds that ds4 has some of, too. */
const foreign = {
  vps: `iptables -P FORWARD DROP
iptables -N OTHER; iptables -A OTHER -s 192.0.2.9/32 -j DROP; iptables -A FORWARD -j OTHER
iptables -t nat -A PREROUTING -i eth0 -p udp --dport 5353 -j DNAT --to-destination 203.0.113.77
ip6tables -A INPUT -p tcp --dport 4444 -j DROP
sysctl -qw net.ipv4.ip_forward=1
ip route add 198.18.7.0/24 dev eth0; ip rule add from 198.18.7.1 lookup 77 priority 500
echo 'net.ipv4.conf.all.log_martians = 1' >/etc/sysctl.d/50-mine.conf`,
  router: `uci -q batch <<'EOF'
set network.mine=rule
set network.mine.src='192.168.1.77/32'
set network.mine.lookup='77'
set network.mine.priority='900'
set firewall.guests=zone
set firewall.guests.name='guests'
set firewall.guests.input='REJECT'
add_list firewall.guests.device='br-guests'
set firewall.mine=rule
set firewall.mine.name='mine'
set firewall.mine.src='wan'
set firewall.mine.proto='tcp'
set firewall.mine.dest_port='8443'
set firewall.mine.target='ACCEPT'
commit network
commit firewall
EOF
/etc/init.d/network reload; /etc/init.d/firewall reload
echo /etc/mine.conf >>/etc/sysupgrade.conf; sleep 3`,
  home: `iptables -P FORWARD DROP
iptables -t mangle -N OTHER; iptables -t mangle -A OTHER -s 192.0.2.9/32 -j DROP; iptables -t mangle -A PREROUTING -j OTHER
ip6tables -A INPUT -p tcp --dport 4444 -j DROP
ip route add 198.18.7.0/24 dev eth0; ip rule add from 198.18.7.1 lookup 77 priority 500; ip rule add from 198.18.7.1 lookup 77 priority 5000`,
};

describe.each([
  // The faults' last teardown has such hosts, too.
  ...(everything ? [{ name: "hosts with nothing of their own", prepare: [] }] : []),
  { name: "hosts with things of their own", prepare: mode.hosts },
])("ds4 teardown on $name", ({ prepare }) => {
  let before: readonly string[] = [];

  beforeAll(async () => {
    await startClean();
    for (const machine of prepare) await must(machine, foreign[machine]);
    before = await snapshots();
    await applied();
    await expectPath();
  });

  test("it takes away all that apply made, with nothing on the laptop but the inventory", async () => {
    const { stdout, stderr, code } = await ds4("teardown", site, "--yes");
    expect(stderr).not.toContain("error");
    expect(stdout).toMatch(/as (they were|it was) before ds4/);
    expect(code).toBe(0);
    await expectNoPath();
  });
  test.each(machines.map((machine, at) => [machine, at] as const))(
    "the %s is as it was",
    async (machine, at) => {
      expect(await snapshotOf(machine)).toBe(before[at]);
    },
  );
  test("a second teardown says that there is nothing to do", async () => {
    expect(await ds4Json("teardown", site, "--yes")).toMatchObject({ result: "nothing-to-do", exitCode: 0 });
  });
});
