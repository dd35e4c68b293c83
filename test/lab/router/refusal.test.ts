import { beforeEach, describe, expect, test } from "vitest";
import { deaf } from "../faults.js";
import { ds4Json, lab, must, site } from "../machines.js";
import { everything, type LabHost } from "../modes.js";
import { snapshots } from "../snapshot.js";

/** Something about a host for which it can't or mustn't be changed, and what `ds4 apply` says of it. */
type Refusal = {
  readonly name: string;
  readonly machine: LabHost;
  readonly script: string;
  readonly says: RegExp;
  /** Ends it, where it would end by itself at a moment that isn't known. */
  readonly mend?: string;
};

const always: readonly Refusal[] = [
  {
    name: "a VPS without IPv6",
    machine: "vps",
    script: "ip -6 route del default",
    says: /the VPS has no IPv6 default route/,
  },
  {
    name: "a VPS whose kernel lacks the module",
    machine: "vps",
    script: "rm /lib/modules/$(uname -r)/kernel/net/ipv6/ip6_tunnel.ko*; depmod",
    says: /no module ip6_tunnel/,
  },
  {
    name: "a VPS with a full disk",
    machine: "vps",
    script: "fallocate -l $(( $(df -Pk / | tail -n 1 | awk '{ print $4 }') - 300 ))KiB /var/full",
    says: /no room under \/etc/,
  },
  {
    name: "a router without a delegated prefix",
    machine: "router",
    script: "uci delete network.wan6.ip6prefix; uci commit network; /etc/init.d/network reload; sleep 6",
    says: /the router has no IPv6 prefix of its own/,
  },
  {
    name: "a router with somebody's unsaved changes",
    machine: "router",
    script: "uci set network.lan.mtu=1400",
    says: /unsaved UCI changes.*network\.lan\.mtu/,
  },
  {
    name: "a router whose firewall file doesn't parse",
    machine: "router",
    script: "printf \"config rule 'x'\\n\\toption name 'unclosed\\n\" >>/etc/config/firewall",
    says: /\/etc\/config\/firewall on the router can't be read/,
  },
  {
    name: "a router whose SSH daemon is gone",
    machine: "router",
    script: deaf.router.begin,
    mend: deaf.router.end,
    says: /root@192\.168\.1\.1 .*(refused|ended the connection)/,
  },
  {
    name: "a VPS that has another host key than before",
    machine: "vps",
    script: "rm /etc/ssh/ssh_host_*; ssh-keygen -A >/dev/null; systemctl restart ssh",
    says: /host key/,
  },
];

/** What the router's conflicts are is looked at in unit tests, too. */
const seldom: readonly Refusal[] = [
  {
    name: "a router whose table 42 is somebody else's",
    machine: "router",
    script: "ip route add 198.18.0.0/15 dev br-lan table 42",
    says: /routing table 42 on the router is used by somebody else/,
  },
  {
    name: "a router with a device of the tunnel's name",
    machine: "router",
    script: "ip link add wrap1 type dummy 2>/dev/null || ip link add wrap1 type bridge",
    says: /there is a device wrap1 already/,
  },
  {
    name: "a router with a tunnel that has the same two ends",
    machine: "router",
    script: `ip -6 addr add 2001:db8:100:0:203:0:113:144/128 dev lo
ip -6 tunnel add mine mode ipip6 local 2001:db8:100:0:203:0:113:144 remote 2001:db8:1:0:203:0:113:144`,
    says: /the tunnel mine has the same two ends/,
  },
];

describe("what ds4 apply refuses, with nothing touched", () => {
  beforeEach(() => lab("reset"));

  test.each([...always, ...(everything ? seldom : [])])("$name", async ({ machine, script, mend, says }) => {
    const first = mend === undefined ? undefined : await snapshots();
    await must(machine, script);
    const before = first ?? (await snapshots());
    const { result, exitCode, errors } = await ds4Json("apply", site, "--yes");
    expect({ result, exitCode }).toEqual({ result: "failed", exitCode: 1 });
    expect(errors).toHaveLength(1);
    expect(errors[0]?.message).toMatch(says);
    expect(errors[0]?.hint).toBeTruthy();
    if (mend !== undefined) await must(machine, mend);
    expect(await snapshots()).toEqual(before);
  });
});
