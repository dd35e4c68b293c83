import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  applied,
  ds4,
  ds4Json,
  lab,
  machines,
  mode,
  must,
  on,
  site,
  startClean,
  thorough,
  viaTunnel,
} from "../machines.js";
import { everything, type LabHost } from "../modes.js";
import {
  expectEveryProtocol,
  expectLargeTransfers,
  expectNoPath,
  expectPath,
  expectWaysOut,
  publicIPv4,
  relayed,
} from "../visitor.js";

const inProofs = { vps: "VPS", router: "router", home: "home machine" };

async function expectMtu(mtu: number): Promise<void> {
  for (const host of mode.hosts) expect(await must(host, "cat /sys/class/net/wrap1/mtu")).toBe(String(mtu));
}

/** What a write by ds4, or a reload of what it wrote, would change. */
const traces = (machine: LabHost) =>
  must(
    machine,
    machine === "router"
      ? "nft -a list ruleset | sed 's/packets [0-9]* bytes [0-9]*//'; ls -lR --full-time /etc 2>/dev/null || ls -lR /etc; uci export network; ubus call network.interface.ds4_tunnel status | grep -v uptime | head -20"
      : "iptables-save | grep -c .; nft -a list ruleset | sed 's/packets [0-9]* bytes [0-9]*//'; find /etc -newermt '2000-01-01' -printf '%p %T@\\n' | sort; systemctl show -p ActiveEnterTimestampMonotonic 'ds4*'",
  );

describe("ds4 apply of the example, from clean", () => {
  beforeAll(startClean);

  test("before it, a visitor reaches nothing at home", expectNoPath);

  test("status says that the site is not set up, and exits with 2", async () => {
    const { stdout, stderr, code } = await ds4("status", site);
    expect(code, stderr).toBe(2);
    expect(stdout).toContain("not set up");
  });

  test("it asks first: without a terminal and --yes, nothing is touched", async () => {
    const { stderr, code } = await ds4("apply", site);
    expect(code).toBe(1);
    expect(stderr).toContain("--yes");
    expect((await on("vps", "ls /etc/ds4")).code).not.toBe(0);
  });

  test("it shows the plan, which changes nothing, and exits with 2", async () => {
    const before = await Promise.all(machines.map(traces));
    const { result, changes } = await ds4Json("plan", site);
    expect(result).toBe("drift");
    expect([...new Set(changes.map(({ host, action }) => `${host} ${action}`))].sort()).toEqual(
      mode.hosts.map((host) => `${host} make`).sort(),
    );
    const script = await ds4("plan", site, "--script");
    expect(script.code).toBe(2);
    for (const host of mode.hosts) expect(script.stdout).toContain(host);
    expect(await Promise.all(machines.map(traces))).toEqual(before);
  });

  test("it sets up every host, and says what that means", async () => {
    const { stdout, stderr, code } = await ds4("apply", site, "--yes");
    expect(stderr).toContain(
      viaTunnel
        ? `TCP port 22 of ${publicIPv4} stays with the VPS`
        : `the home server sees the VPS (${relayed}) as its client`,
    );
    expect(stdout).toContain("made and read back");
    expect(code).toBe(0);
    // Each proof, and none that isn't one.
    const proofs = [...stdout.matchAll(/^ {2}(\S) ([^:]+): (.*)$/gm)].map(
      ([, sign, name = "", seen = ""]) => ({
        sign,
        name,
        seen,
      }),
    );
    expect(proofs.map(({ sign, name }) => `${sign} ${name}`)).toEqual(
      [
        "read back",
        ...(viaTunnel ? ["tunnel", "full size", "arrival", "answer"] : ["answer", "datagrams"]),
        ...mode.hosts.map((host) => `${inProofs[host]}'s own connections`),
      ].map((name) => `✔ ${name}`),
    );
    expect(proofs.find(({ name }) => name === (viaTunnel ? "arrival" : "answer"))?.seen).toContain(
      viaTunnel
        ? "visitor 198.18.0.1 -> 203.0.113.144 arrived at 192.168.1.210 from 198.18.0.1"
        : "visitor 198.18.0.1 -> 203.0.113.144 got through to 2001:db8:100::210",
    );
  });

  test("nothing of the proving is left", async () => {
    for (const machine of machines)
      expect(
        await must(
          machine,
          `exec 2>/dev/null; ls -d /etc/ds4-undo; nft list tables | grep witness; ls /etc/rc.d /etc/systemd/system | grep undo
ip netns; ip link | grep ds4v; tc qdisc show dev eth0 | grep clsact; systemctl list-timers --all --no-legend 'ds4-undo*'; true`,
        ),
      ).toBe("");
  });

  test("visitors reach the server, which sees their address", expectEveryProtocol);
  test("large first writes and transfers pass, with the providers dropping ICMP errors", async () => {
    const providers = ["wan", "vps"];
    for (const name of providers) await lab("link", name, "icmp-errors", "drop");
    await expectLargeTransfers(thorough ? 50 : 5);
    for (const name of providers) await lab("link", name, "clear");
  });
  test.runIf(viaTunnel)("the tunnel's MTU is 40 less than the path's, on both ends", () => expectMtu(1460));
  test("the server's own connections leave by the tunnel, the other hosts' by the provider", () =>
    expectWaysOut(viaTunnel ? "vps" : "provider"));

  test("the VPS is still reached by SSH over IPv4, on a new connection", async () => {
    expect((await ds4("status", site)).code).toBe(0);
  });

  test.runIf(viaTunnel)("packets in the tunnel carry no destination options: next header 4", async () => {
    const capture = must(
      "vps",
      // The inner packet's source, the visitor, is where it is without an option before it.
      "timeout 20 tcpdump -c 2 -nn -i eth0 'ip6 proto 4 and src host 2001:db8:1:0:203:0:113:144 and ip6[52:4] = 0xc63364dc' 2>/dev/null",
    );
    await new Promise((resolve) => setTimeout(resolve, 3000));
    await must("client", `ping -c 4 -W 5 ${publicIPv4}`);
    const seen = await capture;
    expect(seen).toContain("198.51.100.220 > 192.168.1.210");
  });

  test.runIf(viaTunnel)("no host gets more rights than it takes", async () => {
    expect(await must("vps", "cat /proc/sys/net/ipv6/conf/all/forwarding")).toBe("0");
    for (const host of mode.hosts) expect(await must(host, "ip -4 addr show wrap1")).not.toContain("inet");
  });

  test("a second apply changes nothing on any host", async () => {
    const before = await Promise.all(machines.map(traces));
    const { result, changes, exitCode } = await ds4Json("apply", site, "--yes");
    expect({ result, changes, exitCode }).toEqual({ result: "nothing-to-do", changes: [], exitCode: 0 });
    expect(await Promise.all(machines.map(traces))).toEqual(before);
    expect(await ds4Json("plan", site)).toMatchObject({ result: "in-sync", changes: [] });
  });
});

describe
  .runIf(viaTunnel && thorough)
  .each([
    ...(everything ? [{ mtu: 1492, errors: "pass", megabytes: 50 }] : []),
    { mtu: 1492, errors: "drop", megabytes: everything ? 50 : 20 },
    { mtu: 1280, errors: "drop", megabytes: 50 },
  ])("with a path of $mtu bytes at home, ICMP errors: $errors", ({ mtu, errors, megabytes }) => {
  beforeAll(async () => {
    await startClean();
    await lab("link", "wan", "mtu", String(mtu), "icmp-errors", errors);
    // Nor does a visitor hear from the VPS what is too large for the tunnel.
    await lab("link", "vps", "icmp-errors", errors);
    await applied();
  });
  afterAll(async () => {
    for (const name of ["wan", "vps"]) await lab("link", name, "clear");
  });

  test("the tunnel's MTU is 40 less, on both ends", () => expectMtu(mtu - 40));
  test("the path works, and nothing large vanishes", async () => {
    await expectPath();
    await expectLargeTransfers(megabytes);
  });
});
