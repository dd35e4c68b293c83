import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ds4, ds4Json, eventually, lab, must, on, sshConfig } from "./machines.js";
import { debianSnapshot, routerSnapshot } from "./snapshot.js";
import { expectNoPath, expectPath, publicIPv4 } from "./visitor.js";

const vps6 = "2001:db8:1::10";
const [server, lan2] = ["2001:db8:100::210", "2001:db8:100::211"];

/** A change that installs a package, fails and takes it away again takes an emulated machine minutes. */
const patience = { timeout: 600_000 };

const folder = mkdtempSync(join(tmpdir(), "ds4-relay-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** The shipped example as it stands; the lab's VPS is what its address leads to. */
function example(): readonly string[] {
  const config = join(folder, "ssh_config");
  writeFileSync(config, readFileSync(sshConfig, "utf8").replace("Host vps\n", "Host vps 203.0.113.144\n"));
  const file = fileURLToPath(new URL("../../inventory/example-relay.yaml", import.meta.url));
  return [file, "-F", config, "--accept-new-host-key"];
}

/** The site `lab` with these lines beside its VPS. */
function site(...lines: readonly string[]): readonly string[] {
  writeFileSync(join(folder, "lab.yaml"), ["vps: { ssh: vps }", ...lines, ""].join("\n"));
  return ["lab", "-i", folder];
}

const router = "router: { ssh: router }";
const relayTo = (to: string, traffic: string) => [
  "mode: relay",
  `forward: [{ server: ${JSON.stringify(to)}, traffic: ${traffic} }]`,
];

/** What a home's user has to do: the router lets the ports in to both servers by IPv6. */
const hole = `for n in 210 211; do uci -q batch <<UCI
set firewall.in$n=rule
set firewall.in$n.name='in$n'
set firewall.in$n.src='wan'
set firewall.in$n.dest='lan'
set firewall.in$n.family='ipv6'
set firewall.in$n.proto='tcp udp'
set firewall.in$n.dest_ip='2001:db8:100::$n'
set firewall.in$n.dest_port='80 443 9000'
set firewall.in$n.target='ACCEPT'
UCI
done
uci commit firewall; /etc/init.d/firewall reload >/dev/null 2>&1; sleep 2`;

/** The home server gives nobody an answer any more; ends with \`answering\`. */
const silent =
  "nft 'table inet off { chain input { type filter hook input priority 0; meta l4proto { tcp, udp } drop; }; }'";
const answering = "nft delete table inet off";

/** Whom the home server sees when a visitor asks by this port; undefined where nobody answers. */
async function seenBy(port: number, scheme = "http"): Promise<string | undefined> {
  const { stdout } = await on("client", `curl -sS -4 -k -m 15 ${scheme}://${publicIPv4}:${port}/`);
  return /^address (\S+)$/m.exec(stdout)?.[1];
}

/** TCP and UDP by the example's ports, each to where it leads. */
async function expectRelayed(): Promise<void> {
  expect(await seenBy(80)).toBe(vps6);
  expect(await seenBy(443, "https")).toBe(vps6);
  expect(await must("client", `(echo moved; sleep 2) | ncat -w 5 ${publicIPv4} 8080`)).toMatch(/\nmoved/);
  const datagram = await must("client", `(echo hello; sleep 2) | ncat -u -w 4 ${publicIPv4} 9000`);
  expect(datagram).toMatch(new RegExp(`^${vps6} \\d+ hello`));
}

const before: { vps: string; router: string } = { vps: "", router: "" };
const expectUntouched = async () => {
  expect(await debianSnapshot("vps")).toBe(before.vps);
  expect(await routerSnapshot()).toBe(before.router);
};

beforeAll(async () => {
  await lab("reset");
  await must("router", hole);
  before.vps = await debianSnapshot("vps");
  before.router = await routerSnapshot();
});

describe("a relay", patience, () => {
  test("to a server that is silent isn't taken for one that works: the VPS goes back", async () => {
    await must("server", silent);
    const { result, errors } = await ds4Json("apply", ...example(), "--yes");
    await must("server", answering);
    expect(result).toBe("failed");
    expect(errors[0]?.message).toMatch(/not proved: answer: \[2001:db8:100::210\]:80 doesn't answer the VPS/);
    expect(errors[0]?.message).toContain("The VPS is back where it was.");
    expect(errors[0]?.hint).toContain("does the home's router let TCP 80 to it in by IPv6");
    expect(await debianSnapshot("vps")).toBe(before.vps);
  });

  test("is proved to reach the home server, and says what it costs", async () => {
    const { result, errors, proofs, notes, mode, changes } = await ds4Json("apply", ...example(), "--yes");
    expect({ result, errors, mode }).toEqual({ result: "changed", errors: [], mode: "relay" });
    expect(proofs?.filter(({ proved }) => proved === false)).toEqual([]);
    expect(proofs).toContainEqual(
      expect.objectContaining({ name: "answer", proved: true, seen: expect.stringContaining("tcp/80 to [") }),
    );
    expect(proofs).toContainEqual(expect.objectContaining({ name: "datagrams", proved: true }));
    expect(notes.join()).toContain(`the home server sees the VPS (${vps6}) as its client`);
    expect(changes.filter(({ step }) => step === "socat").map(({ id }) => id)).toEqual([
      "tcp/80",
      "tcp/443",
      "tcp/8080",
      "tcp/9000",
      "udp/9000",
    ]);
    await expectRelayed();
  });

  test("carries 50 MB, and answers to who has said all", async () => {
    const bytes = await must(
      "client",
      `curl -sS -m 240 -o /dev/null -w '%{size_download}' http://${publicIPv4}/50m`,
    );
    expect(Number(bytes)).toBeGreaterThanOrEqual(50_000_000);
    const posted = `head -c 300000 /dev/zero | curl -sS -m 30 --data-binary @- http://${publicIPv4}/`;
    expect(await must("client", posted)).toContain("bytes 300000\n");
  });

  test("runs as nobody, with one capability, on the public IPv4 alone", async () => {
    const pid = await must("vps", "systemctl show -p MainPID --value ds4-relay-tcp-443.service");
    const status = await must("vps", `grep -E '^(Uid|CapEff|NoNewPrivs)' /proc/${pid}/status`);
    expect(status).not.toMatch(/^Uid:\s+0\s/m);
    // CAP_NET_BIND_SERVICE is bit 10.
    expect(status).toMatch(/^CapEff:\s+0000000000000400$/m);
    expect(status).toMatch(/^NoNewPrivs:\s+1$/m);
    const listening = await must(
      "vps",
      "ss -Hltun | awk '{ print $5 }' | grep -E ':(80|443|8080|9000)$' | sort -u",
    );
    expect(
      listening.split("\n").every((local) => local.startsWith(`${publicIPv4}:`)),
      listening,
    ).toBe(true);
  });

  test("a second apply writes nothing", async () => {
    await must("vps", "touch /tmp/mark");
    expect(await ds4Json("apply", ...example(), "--yes")).toMatchObject({
      result: "nothing-to-do",
      changes: [],
    });
    expect(await must("vps", "find /etc -newer /tmp/mark -type f")).toBe("");
    expect((await ds4("status", ...example())).code).toBe(0);
  });

  test("status names what was damaged, and apply repairs it", async () => {
    await must(
      "vps",
      `systemctl stop ds4-relay-tcp-80.service
sed -i 's/^MemoryMax=.*/MemoryMax=1G/' /etc/systemd/system/ds4-relay-tcp-443.service
systemctl -q disable ds4-relay-tcp-8080.service
rm /etc/systemd/system/ds4-relay-udp-9000.service
iptables -D DS4-RELAY 1
iptables -A INPUT -j DS4-RELAY`,
    );
    const named = async () =>
      (await ds4Json("status", ...example())).changes.map(
        ({ step, id, action, fields }) => `${step} ${id}: ${action === "change" ? fields.join() : action}`,
      );
    expect(await named()).toEqual([
      "chains relay: filter DS4-RELAY,filter INPUT jump",
      "relay tcp/443: content",
      "relay tcp/8080: enabled",
      "relay udp/9000: mode,owner,content",
      "socat tcp/80: make",
    ]);
    expect(await ds4Json("apply", ...example(), "--yes")).toMatchObject({ result: "changed" });
    expect(await named()).toEqual([]);
    expect(await must("vps", "systemctl show -p MemoryMax --value ds4-relay-tcp-443.service")).toBe(
      "268435456",
    );
    await expectRelayed();
  });

  test("a program that is killed comes back by itself", async () => {
    await must("vps", "systemctl kill -s KILL ds4-relay-tcp-80.service");
    await eventually(30, async () => expect(await seenBy(80)).toBe(vps6));
  });

  test("survives a reboot of the VPS", async () => {
    const boot = await must("vps", "cat /proc/sys/kernel/random/boot_id");
    await on("vps", "sync; reboot");
    await eventually(240, async () =>
      expect(await must("vps", "cat /proc/sys/kernel/random/boot_id")).not.toBe(boot),
    );
    await eventually(120, expectRelayed);
    await eventually(30, async () => expect((await ds4("status", ...example())).code).toBe(0));
  });

  test("gets through where another firewall drops all", async () => {
    await must(
      "vps",
      "iptables -P INPUT DROP; iptables -A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT; iptables -A INPUT -p tcp --dport 22 -j ACCEPT",
    );
    expect(await seenBy(80)).toBe(vps6);
    await must("vps", "iptables -P INPUT ACCEPT; iptables -D INPUT 3; iptables -D INPUT 2");
  });

  test("teardown leaves nothing behind", async () => {
    expect(await ds4Json("teardown", ...example(), "--yes")).toMatchObject({ result: "changed", errors: [] });
    expect(await seenBy(80)).toBeUndefined();
    await expectUntouched();
  });
});

describe("a relay to a name", patience, () => {
  const named = () => site(...relayTo("home.example", "[tcp/80, udp/9000]"));
  const point = (address: string) =>
    must("vps", `sed -i '/home.example/d' /etc/hosts; echo '${address} home.example' >>/etc/hosts`);
  /** The machine at home that answers, by its log. */
  const reached = async () => {
    const count = () =>
      must("world", "cd /var/log/lab; for n in server lan2; do grep -c . $n.log; done || :");
    const old = (await count()).split("\n");
    await seenBy(80);
    const now = (await count()).split("\n");
    return ["server", "lan2"].filter((_, at) => old[at] !== now[at]);
  };

  test("that nobody knows is refused by its proof", async () => {
    const { result, errors } = await ds4Json("apply", ...named(), "--yes");
    expect(result).toBe("failed");
    expect(errors[0]?.message).toContain("the VPS finds no IPv6 address for home.example");
  });

  test("follows it when its address changes, TCP and UDP", async () => {
    await point(server);
    expect(await ds4Json("apply", ...named(), "--yes")).toMatchObject({ result: "changed", errors: [] });
    expect(await reached()).toEqual(["server"]);
    await point(lan2);
    expect(await reached()).toEqual(["lan2"]);
    const datagram = () => must("client", `(echo hello; sleep 2) | ncat -u -w 4 ${publicIPv4} 9000`);
    expect(await datagram()).toContain("hello");
    expect(await must("world", "tail -n 1 /var/log/lab/lan2.log")).toMatch(/udp/);
    expect((await ds4("status", ...named())).code).toBe(0);
    await ds4Json("teardown", ...named(), "--yes");
    await must("vps", "sed -i '/home.example/d' /etc/hosts");
    expect(await debianSnapshot("vps")).toBe(before.vps);
  });

  test("or to a port of the VPS's own is refused by name", async () => {
    const { result, errors } = await ds4Json("apply", ...site(...relayTo(server, "[tcp/22]")), "--yes");
    expect(result).toBe("failed");
    expect(errors[0]?.message).toMatch(/sshd on the VPS listens on tcp\/22, which 'tcp\/22' asks for/);
  });
});

describe("a switch of modes", patience, () => {
  const tunnel = () => site(router, "server: 192.168.1.210");
  const relay = (...more: readonly string[]) => site(...more, ...relayTo(server, "[tcp/80]"));

  test("from a tunnel without the router is refused, with what to do", async () => {
    expect(await ds4Json("apply", ...tunnel(), "--yes")).toMatchObject({ result: "changed", errors: [] });
    await expectPath();
    for (const command of ["apply", "teardown"]) {
      const { errors } = await ds4Json(command, ...relay(), "--yes");
      expect(errors[0]?.message).toContain("its other end is on a host that isn't in the inventory");
      expect(errors[0]?.hint).toContain("put 'router: …' or 'home: …' back");
    }
  });

  test("to a relay that reaches nobody leaves the tunnel as it was", async () => {
    await must("server", silent);
    const { result, errors } = await ds4Json("apply", ...relay(router), "--yes");
    await must("server", answering);
    expect(result).toBe("failed");
    expect(errors[0]?.message).toContain("Both hosts are back where they were.");
    await expectPath();
    expect(await ds4Json("apply", ...tunnel(), "--yes")).toMatchObject({ result: "nothing-to-do" });
  });

  test("to a relay is one apply, and nothing of the tunnel stays", async () => {
    expect(await ds4Json("apply", ...relay(router), "--yes")).toMatchObject({
      result: "changed",
      errors: [],
    });
    expect(await routerSnapshot()).toBe(before.router);
    expect(await seenBy(80)).toBe(vps6);
    expect(
      await must(
        "vps",
        "ip -o link | grep wrap1; ip route show proto 204; iptables-save | grep -E 'DS4-[A-Z]+' -o | sort -u; cat /proc/sys/net/ipv4/ip_forward; ls /etc/network/if-up.d/ds4 2>&1 | grep -v 'No such'; true",
      ),
    ).toBe("DS4-RELAY\n0");
    // The router may go now.
    expect(await ds4Json("apply", ...relay(), "--yes")).toMatchObject({ result: "nothing-to-do" });
  });

  test("back to a tunnel is one apply, and nothing of the relay stays", async () => {
    expect(await ds4Json("apply", ...tunnel(), "--yes")).toMatchObject({ result: "changed", errors: [] });
    await expectPath();
    expect(
      await must(
        "vps",
        "ls -d /etc/systemd/system/ds4-relay-* 2>/dev/null; iptables-save | grep RELAY; pgrep socat; dpkg-query -W socat 2>/dev/null | grep socat; true",
      ),
    ).toBe("");
    expect(await ds4Json("apply", ...tunnel(), "--yes")).toMatchObject({ result: "nothing-to-do" });
  });

  test("ends in a teardown as if none had been there", async () => {
    expect(await ds4Json("teardown", ...tunnel(), "--yes")).toMatchObject({ result: "changed", errors: [] });
    await expectNoPath();
    await expectUntouched();
  });
});
