import { beforeAll, describe, expect, test } from "vitest";
import { type Forged, forge, named } from "../forge.js";
import {
  background,
  ds4,
  ds4Json,
  eventually,
  must,
  on,
  routerSite,
  site,
  startApplied,
} from "../machines.js";
import { everything } from "../modes.js";
import {
  aftr,
  client,
  expectEveryProtocol,
  expectPath,
  expectWaysOut,
  pinging,
  publicIPv4,
  server,
} from "../visitor.js";

async function applied(...lines: readonly string[]): Promise<void> {
  const { errors, proofs } = await ds4Json("apply", ...routerSite(...lines), "--yes");
  expect(errors).toEqual([]);
  expect(proofs?.filter(({ proved }) => proved === false)).toEqual([]);
}

const drift = async (...lines: readonly string[]) =>
  (await ds4Json("status", ...routerSite(...lines))).changes.map(
    ({ host, step, id }) => `${host} ${step} ${id}`,
  );

/**
 * Packets in the router's tunnel, both ways, from and to these addresses while something runs: by themselves those of a
 * LAN host that comes by the VPS. What a proof has left open is still being sent again, and isn't counted.
 */
async function tunnelPackets(work: () => Promise<unknown>, about = [publicIPv4, aftr]): Promise<number> {
  const them = `{ ${about.join(", ")} }`;
  await must(
    "router",
    `nft -f - <<'X'
table inet lab_count {
  chain in { type filter hook prerouting priority -300; iifname "wrap1" ip saddr ${them} counter; }
  chain out { type filter hook postrouting priority 300; oifname "wrap1" ip daddr ${them} counter; }
}
X`,
  );
  await work();
  const counted = await must("router", "nft list table inet lab_count && nft delete table inet lab_count");
  return [...counted.matchAll(/counter packets (\d+)/g)].reduce(
    (sum, [, packets]) => sum + Number(packets),
    0,
  );
}

const byProvider = [`server: ${server}`, "egress: isp"];

describe("a server whose own connections leave by the provider", () => {
  beforeAll(startApplied);

  test("becomes one without a lost packet of its visitors", async () => {
    const pings = pinging();
    await applied(...byProvider);
    const { answered, lost } = await pings.stop();
    expect(answered).toBeGreaterThan(50);
    expect(lost).toEqual([]);
    expect(await drift(...byProvider)).toEqual([]);
  });

  test("answers a visitor through the tunnel while its own connections take the provider's way", async () => {
    // The echo server says at once whom it sees; the visitor stays connected all the time.
    const visitor = background("client", `(while sleep 0.2; do echo tick; done) | ncat ${publicIPv4} 9000`);
    await eventually(20, async () =>
      expect(await must("vps", "conntrack -L -p tcp --orig-port-dst 9000 2>/dev/null")).toContain(
        "ESTABLISHED",
      ),
    );
    await expectWaysOut("provider");
    const answered = await tunnelPackets(expectEveryProtocol, [client]);
    expect(answered).toBeGreaterThan(8);
    // Of a connection of its own, nothing.
    const open = `${client} 9000`;
    expect(await must("server", `(echo hello; sleep 2) | ncat -w 5 ${open}`)).toMatch(/^192\.0\.2\.1 \d+/);
    const said = await visitor.stop();
    expect(said).toMatch(new RegExp(`^${client} \\d+`));
    expect(said.split("tick").length).toBeGreaterThan(20);
  });

  test("gets no forged packet out of the tunnel, and sends nothing of its own into it", async () => {
    const inward = (inner: string, more: Partial<Forged> = {}): Forged => ({
      outer: "2001:db8:1:0:203:0:113:144>2001:db8:100:0:203:0:113:144",
      inner,
      ...more,
    });
    const good = (["udp", "icmp", "syn"] as const).map((what) => inward(`${client}>${server}`, { what }));
    const bad = [
      ...["192.168.1.1", "192.168.1.211", server, "192.168.77.2", "10.1.2.3", "127.0.0.1"].map((from) =>
        inward(`${from}>${server}`),
      ),
      ...["192.168.1.1", "192.168.1.211", "198.51.100.50"].map((to) => inward(`${client}>${to}`)),
      // Out of the tunnel on the VPS: what belongs to no visitor's connection.
      ...(["udp", "icmp", "syn"] as const).map(
        (what): Forged => ({
          outer: "2001:db8:100:0:203:0:113:144>2001:db8:1:0:203:0:113:144",
          inner: `${server}>${client}`,
          what,
        }),
      ),
    ];
    const seen = await forge([...good, ...bad]);
    expect(seen).toMatchObject({
      server: good.map(named),
      lan2: [],
      provider: [],
      home: { reached: 0 },
    });
    expect(seen.uplink.filter((name) => !good.map(named).includes(name))).toEqual([]);
  });

  test("is told of by status where a part is missing, and mended", async () => {
    await must(
      "router",
      `h=$(nft -a list chain inet fw4 ds4_reply | sed -n 's/.*direction reply.*handle //p'); nft delete rule inet fw4 ds4_reply handle $h
echo 0 >/proc/sys/net/ipv4/conf/wrap1/src_valid_mark
echo '# mine' >>/etc/nftables.d/ds4.nft
uci delete network.ds4_rule_table.mark; uci commit network`,
    );
    expect(await drift(...byProvider)).toEqual([
      "router file /etc/nftables.d/ds4.nft",
      "router tunnel wrap1",
      "router uci network.ds4_rule_table",
      "router firewall ds4_reply",
    ]);
    await applied(...byProvider);
    expect(await drift(...byProvider)).toEqual([]);
  });

  const restarts = ["/etc/init.d/firewall restart", "/etc/init.d/network restart"];

  test.each([...(everything ? restarts : []), "sync; reboot"])("is one after %s", async (command) => {
    const boot = "cat /proc/sys/kernel/random/boot_id";
    const before = await must("router", boot);
    await on("router", `(${command}) >/dev/null 2>&1 </dev/null & sleep 8`);
    await eventually(180, async () => {
      if (command.includes("reboot")) expect(await must("router", boot)).not.toBe(before);
      await expectPath();
      await expectWaysOut("provider");
      expect(await drift(...byProvider)).toEqual([]);
    });
  });

  test("beside one whose connections leave by the VPS", async () => {
    const lines = [
      "forward:",
      `  - { server: ${server}, traffic: [icmp, tcp/80], egress: isp }`,
      "  - { server: 192.168.1.211, traffic: tcp/443 }",
    ];
    await applied(...lines);
    expect(await must("server", `curl -sS -4 -m 15 http://${client}/`)).toContain("address 192.0.2.1");
    expect(await must("lan2", `curl -sS -4 -m 15 http://${client}/`)).toContain(`address ${publicIPv4}`);
    expect(await must("client", `curl -sS -4 -m 15 http://${publicIPv4}/`)).toContain(`address ${client}`);
    expect(await must("client", `curl -sSk -4 -m 15 https://${publicIPv4}/`)).toContain(`address ${client}`);
  });

  test("is gone without a trace after a teardown", async () => {
    expect((await ds4("teardown", site, "--yes")).code).toBe(0);
    expect(
      await must(
        "router",
        "uci show | grep ds4_ || :; ip rule | grep -E '^420' || :; nft list ruleset | grep ds4 || :; ls /etc/nftables.d | grep ds4 || :",
      ),
    ).toBe("");
  });
});

describe("hosts of the LAN that use the public IPv4", () => {
  beforeAll(startApplied);

  /** Whom the home server sees, and how many packets the tunnel carried for it. */
  async function seen(machine: string, url = `http://${publicIPv4}/`, more = "") {
    let body = "";
    const packets = await tunnelPackets(async () => {
      body = await must(machine, `curl -sSk -4 -m 15 ${more} ${url}`);
    });
    return { address: /^address (\S+)$/m.exec(body)?.[1], packets };
  }

  test.each(["lan2", "server"])("reach the server by the router alone: %s", async (machine) => {
    const { address, packets } = await seen(machine);
    expect({ address, packets }).toEqual({ address: "192.168.1.1", packets: 0 });
    expect(await tunnelPackets(() => must(machine, `ping -c 2 -W 5 ${publicIPv4}`))).toBe(0);
  });

  test("are seen with their own address where they are in another network", async () => {
    await must("router", "ip addr add 192.168.2.1/24 dev br-lan");
    await must(
      "lan2",
      `ip addr add 192.168.2.5/24 dev eth0; ip route add ${publicIPv4} via 192.168.2.1 src 192.168.2.5`,
    );
    expect(await seen("lan2")).toEqual({ address: "192.168.2.5", packets: 0 });
    await must("lan2", `ip route del ${publicIPv4}; ip addr del 192.168.2.5/24 dev eth0`);
    await must("router", "ip addr del 192.168.2.1/24 dev br-lan");
  });

  test("reach the VPS by the port that stays with it", async () => {
    expect(await must("lan2", `ncat -w 10 ${publicIPv4} 22 </dev/null | head -c 15`)).toBe("SSH-2.0-OpenSSH");
  });

  test("are told apart as visitors are, by ports, moved ones and exceptions", async () => {
    const lines = [
      "forward:",
      `  - { server: ${server}, traffic: [all, tcp/9100-9110 -> 8990-9000, tcp/2280 -> 80] }`,
      "  - { server: 192.168.1.211, traffic: tcp/443 }",
    ];
    await applied(...lines);
    expect(await seen("lan2", `http://${publicIPv4}:2280/`)).toEqual({ address: "192.168.1.1", packets: 0 });
    expect(await must("lan2", `(sleep 2) | ncat -w 5 ${publicIPv4} 9110`)).toMatch(/^192\.168\.1\.1 /);
    const log = async () => Number(await must("world", "wc -l </var/log/lab/lan2.log"));
    const before = await log();
    expect(await seen("server", `https://${publicIPv4}/`)).toEqual({ address: "192.168.1.1", packets: 0 });
    expect(await log()).toBeGreaterThan(before);

    await applied("forward:", `  - { server: ${server}, traffic: "all except tcp/443" }`);
    expect((await on("lan2", `curl -sSk -4 -m 10 https://${publicIPv4}/`)).code).not.toBe(0);
    expect(await seen("lan2")).toEqual({ address: "192.168.1.1", packets: 0 });
  });

  test("go by the VPS where that is asked for, and are seen with the provider's address", async () => {
    await applied(`server: ${server}`, "hairpin: vps");
    const { address, packets } = await seen("lan2");
    expect(address).toBe("192.0.2.1");
    expect(packets).toBeGreaterThan(4);
    expect(
      await must("router", "nft list ruleset | grep ds4_hairpin || :; ls /etc/nftables.d"),
    ).not.toContain("ds4");
    expect(await drift(`server: ${server}`, "hairpin: vps")).toEqual([]);
  });
});
