import { beforeAll, describe, expect, test } from "vitest";
import {
  ds4,
  ds4Json,
  eventually,
  must,
  on,
  site,
  siteOf,
  startApplied,
  startClean,
  startFrom,
} from "../machines.js";
import { everything } from "../modes.js";
import { snapshotOf, snapshots } from "../snapshot.js";
import { client, expectNoPath, publicIPv4, relayed, request } from "../visitor.js";

const [server, lan2] = ["2001:db8:100::210", "2001:db8:100::211"];

/** A change that installs a package, fails and takes it away again takes an emulated machine minutes. */
const patience = { timeout: 600_000 };

const relayTo = (to: string, traffic: string) => [
  "mode: relay",
  `forward: [{ server: ${JSON.stringify(to)}, traffic: ${traffic} }]`,
];

/** The home server gives nobody an answer any more; ends with \`answering\`. */
const silent =
  "nft 'table inet off { chain input { type filter hook input priority 0; meta l4proto { tcp, udp } drop; }; }'";
const answering = "nft delete table inet off";

/** Whom the home server sees when a visitor asks by this port; undefined where nobody answers. */
async function seenBy(port: number, scheme = "http"): Promise<string | undefined> {
  const { stdout } = await on("client", `curl -sS -4 -k -m 15 ${scheme}://${publicIPv4}:${port}/`);
  return /^address (\S+)$/m.exec(stdout)?.[1];
}

let before: readonly string[] = [];

/** A VPS that has socat already: installing it is what takes longest. That ds4 does so is seen in every-mode. */
const socat =
  "apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --no-install-recommends socat >/dev/null";
const startWithSocat = () => startFrom("socat", socat, () => must("vps", socat), startClean);

beforeAll(async () => {
  await startWithSocat();
  before = await snapshots();
});

describe("a relay", patience, () => {
  // Another proof that fails is seen below, where there was a tunnel before.
  test.runIf(everything)(
    "to a server that is silent isn't taken for one that works: the VPS goes back",
    async () => {
      await must("server", silent);
      const { result, errors } = await ds4Json("apply", site, "--yes");
      await must("server", answering);
      expect(result).toBe("failed");
      expect(errors[0]?.message).toMatch(
        /not proved: answer: \[2001:db8:100::210\]:80 doesn't answer the VPS/,
      );
      expect(errors[0]?.message).toContain("The VPS is back where it was.");
      expect(errors[0]?.hint).toContain("does the home's router let TCP 80 to it in by IPv6");
      expect(await snapshots()).toEqual(before);
    },
  );

  describe("that is up", () => {
    beforeAll(startApplied);

    test("takes each port to where it leads", async () => {
      expect(await seenBy(80)).toBe(relayed);
      expect(await seenBy(443, "https")).toBe(relayed);
      expect(await must("client", `(echo moved; sleep 2) | ncat -w 5 ${publicIPv4} 8080`)).toMatch(/\nmoved/);
    });

    test("answers to who has said all", async () => {
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

    test("has a program that is killed back by itself", async () => {
      await must("vps", "systemctl kill -s KILL ds4-relay-tcp-80.service");
      await eventually(30, async () => expect(await seenBy(80)).toBe(relayed));
    });

    test("gets through where another firewall drops all", async () => {
      await must(
        "vps",
        "iptables -P INPUT DROP; iptables -A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT; iptables -A INPUT -p tcp --dport 22 -j ACCEPT",
      );
      expect(await seenBy(80)).toBe(relayed);
    });
  });
});

describe("a relay to a name", patience, () => {
  beforeAll(startWithSocat);

  const named = () => siteOf(...relayTo("home.example", "[tcp/80, udp/9000]"));
  const point = (address: string) =>
    must("vps", `sed -i '/home.example/d' /etc/hosts; echo '${address} home.example' >>/etc/hosts`);
  const reached = async () => (await request("client", `http://${publicIPv4}/`)).reached;

  test.runIf(everything)("that nobody knows is refused by its proof", async () => {
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
    expect(await snapshots()).toEqual(before);
  });

  test("or to a port of the VPS's own is refused by name", async () => {
    const { result, errors } = await ds4Json("apply", ...siteOf(...relayTo(server, "[tcp/22]")), "--yes");
    expect(result).toBe("failed");
    expect(errors[0]?.message).toMatch(/sshd on the VPS listens on tcp\/22, which 'tcp\/22' asks for/);
  });
});

describe("a switch of modes", patience, () => {
  beforeAll(startWithSocat);

  const router = "router: { ssh: router }";
  const tunnel = () => siteOf(router, "server: 192.168.1.210");
  const relay = (...more: readonly string[]) => siteOf(...more, ...relayTo(server, "[tcp/80]"));
  const expectTunnel = async () => expect(await seenBy(80)).toBe(client);

  test("from a tunnel without the router is refused, with what to do", async () => {
    expect(await ds4Json("apply", ...tunnel(), "--yes")).toMatchObject({ result: "changed", errors: [] });
    await expectTunnel();
    for (const command of ["apply", "teardown"]) {
      const { errors } = await ds4Json(command, ...relay(), "--yes");
      expect(errors[0]?.message).toContain("what ends it at home, a router, isn't in the inventory");
      expect(errors[0]?.hint).toContain("put 'router: …' back");
    }
  });

  test.runIf(everything)("to a relay that reaches nobody leaves the tunnel as it was", async () => {
    await must("server", silent);
    const { result, errors } = await ds4Json("apply", ...relay(router), "--yes");
    await must("server", answering);
    expect(result).toBe("failed");
    expect(errors[0]?.message).toContain("Both hosts are back where they were.");
    await expectTunnel();
    expect(await ds4Json("apply", ...tunnel(), "--yes")).toMatchObject({ result: "nothing-to-do" });
  });

  test("to a relay is one apply, and nothing of the tunnel stays", async () => {
    expect(await ds4Json("apply", ...relay(router), "--yes")).toMatchObject({
      result: "changed",
      errors: [],
    });
    expect(await snapshotOf("router")).toBe(before[1]);
    expect(await seenBy(80)).toBe(relayed);
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
    await expectTunnel();
    expect(
      await must(
        "vps",
        "ls -d /etc/systemd/system/ds4-relay-* 2>/dev/null; iptables-save | grep RELAY; pgrep socat; true",
      ),
    ).toBe("");
    expect(await ds4Json("apply", ...tunnel(), "--yes")).toMatchObject({ result: "nothing-to-do" });
  });

  test("ends in a teardown as if none had been there", async () => {
    expect(await ds4Json("teardown", ...tunnel(), "--yes")).toMatchObject({ result: "changed", errors: [] });
    await expectNoPath();
    expect(await snapshots()).toEqual(before);
  });
});
