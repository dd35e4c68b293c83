import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ds4Json, eventually, lab, must, on, site, siteOf, startApplied, startClean } from "../machines.js";
import { everything } from "../modes.js";
import { snapshotOf, snapshots } from "../snapshot.js";
import { aftr, client, publicIPv4, server } from "../visitor.js";

const [local, remote] = ["2001:db8:1:0:203:0:113:144", "2001:db8:100:0:203:0:113:144"];

/** A container that publishes TCP 8088, and the rules that Docker makes for that: it answers whom it has seen. */
const container = `set -e
ip netns add box
ip link add br-box type bridge
ip addr add 172.18.0.1/16 dev br-box
ip link set br-box up
ip link add box0 type veth peer name eth0 netns box
ip link set box0 master br-box up
ip -n box addr add 172.18.0.2/16 dev eth0
ip -n box link set eth0 up
ip -n box route add default via 172.18.0.1
sysctl -qw net.ipv4.ip_forward=1
iptables -t nat -N DOCKER
iptables -t nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
iptables -t nat -A POSTROUTING -s 172.18.0.0/16 ! -o br-box -j MASQUERADE
iptables -t nat -A DOCKER ! -i br-box -p tcp -m tcp --dport 8088 -j DNAT --to-destination 172.18.0.2:80
iptables -P FORWARD DROP
iptables -A FORWARD -o br-box -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
iptables -A FORWARD -o br-box -d 172.18.0.2/32 -p tcp -m tcp --dport 80 -j ACCEPT
iptables -A FORWARD -i br-box ! -o br-box -j ACCEPT
ip netns exec box setsid perl -MIO::Socket::INET -e '
  my $s = IO::Socket::INET->new(Listen => 9, LocalPort => 80) or die;
  while (my $c = $s->accept) { 1 while defined($_ = <$c>) && /\\S/; print $c "HTTP/1.0 200 OK\\r\\n\\r\\nsaw " . $c->peerhost . " " . "." x 100000; close $c }
' </dev/null >/dev/null 2>&1 &`;

describe("a Linux machine at home", () => {
  describe("behind a provider that drops protocol 4", () => {
    beforeAll(startClean);
    afterAll(() => lab("link", "wan", "clear"));

    test("isn't left changed, and the error says what has to let it through", async () => {
      const before = await snapshotOf("home");
      await lab("link", "wan", "proto4", "drop");
      const { notes } = await ds4Json("plan", site);
      const { result, errors } = await ds4Json("apply", site, "--yes");
      expect(result).toBe("failed");
      expect(errors[0]?.message).toContain("Both hosts are back where they were.");
      expect(errors[0]?.message).toMatch(/VPS to the tunnel [1-9]\d*, home machine's uplink 0,/);
      const need = `has to let IPv6 protocol 4 through, from ${local} to ${remote} and back`;
      expect(errors[0]?.hint).toContain(`the home's own router drops it: it ${need}`);
      expect(notes).toContain(`the home's own router ${need}`);
      expect(await snapshotOf("home")).toBe(before);
    });
  });

  describe("that ends the tunnel", () => {
    beforeAll(startApplied);

    test("keeps its LAN, and what it begins beyond that leaves by the VPS", async () => {
      expect(await must("lan2", `curl -sS -m 10 http://${server}/`)).toContain("address 192.168.1.211");
      expect(await must("home", "curl -sS -m 10 http://192.168.1.211/")).toContain(`address ${server}`);
      expect(await must("home", `curl -sS -4 -m 10 http://${client}/`)).toContain(`address ${publicIPv4}`);
      await must("home", `ping -c 2 -W 5 ${client}`);
      expect(await must("home", "cat /proc/sys/net/ipv4/ip_forward")).toBe("0");
    });

    test("lets what is bound to the uplink leave by that, as a resolver is", async () => {
      expect(await must("home", `curl -sS -4 -m 10 --interface eth0 http://${client}/`)).toContain(
        `address ${aftr}`,
      );
    });

    test("leaves what arrives to its own firewall", async () => {
      await must("home", "iptables -A INPUT -p tcp --dport 443 -j DROP");
      expect((await on("client", `ncat -z -w 3 ${publicIPv4} 443`)).code).not.toBe(0);
      await must("home", "iptables -D INPUT -p tcp --dport 443 -j DROP");
      await must("client", `ncat -z -w 5 ${publicIPv4} 443`);
    });
  });

  describe("with containers", () => {
    beforeAll(async () => {
      await startApplied();
      await must("home", container);
    });

    test("brings visitors to the ports that they publish, which see the visitor", async () => {
      const get = `curl -sS -4 -m 15 http://${publicIPv4}:8088/`;
      await eventually(20, async () => {
        const body = await must("client", get);
        expect(body.slice(0, 30)).toContain(`saw ${client} `);
        expect(body.length).toBeGreaterThan(100_000);
      });
    });

    test("doesn't bring them to what isn't published, and nothing has drifted", async () => {
      expect((await on("client", `ncat -z -w 3 ${publicIPv4} 8089`)).code).not.toBe(0);
      await must("vps", "ip route replace 172.18.0.2/32 dev wrap1");
      expect((await on("vps", "curl -sS -m 3 http://172.18.0.2/")).code).not.toBe(0);
      await must("vps", "ip route del 172.18.0.2/32 dev wrap1");
      expect(await ds4Json("status", site)).toMatchObject({ result: "in-sync", changes: [] });
    });
  });

  describe("that is the gateway of another server", () => {
    const behind = "192.168.1.211";
    const both = siteOf(
      "home: { kind: linux, ssh: home }",
      "forward:",
      `  - { server: ${server}, traffic: [icmp, tcp/80] }`,
      `  - { server: ${behind}, traffic: [tcp/8080 -> 80, udp/9000] }`,
    );
    let before: readonly string[] = [];

    beforeAll(async () => {
      await startClean();
      before = await snapshots();
      await must("world", `ip -n lan2 route replace default via ${server}`);
    });

    test("brings each what is its own, and both see the visitor", async () => {
      const { result, notes, errors } = await ds4Json("apply", ...both, "--yes");
      expect({ result, errors }).toEqual({ result: "changed", errors: [] });
      expect(notes.join("\n")).toContain(`${behind} has to have the home machine as its gateway`);
      for (const port of [80, 8080])
        expect(await must("client", `curl -sS -4 -m 15 http://${publicIPv4}:${port}/`)).toContain(
          `address ${client}`,
        );
      expect(await must("world", "tail -n 1 /var/log/lab/lan2.log")).toContain(`http ${client} `);
      expect(await must("home", "tail -n 1 /var/log/lab/server.log")).toContain(`http ${client} `);
      const datagram = await must("client", `(echo hello; sleep 2) | ncat -u -w 4 ${publicIPv4} 9000`);
      expect(datagram).toMatch(new RegExp(`^${client} \\d+ hello`));
      const bytes = `curl -sS -m 240 http://${publicIPv4}:8080/50m 2>/dev/null | head -c 5000000 | wc -c`;
      expect(Number(await must("client", bytes))).toBe(5_000_000);
    });

    test("has that one's own connections leave by the VPS, too, and keeps it in the LAN", async () => {
      expect(await must("lan2", `curl -sS -4 -m 10 http://${client}/`)).toContain(`address ${publicIPv4}`);
      expect(await must("lan2", `curl -sS -4 -m 10 http://${server}/`)).toContain(`address ${behind}`);
    });

    // That a teardown leaves nothing is shown in each mode anyway.
    test.runIf(everything)("is as it was after a teardown", async () => {
      expect(await ds4Json("teardown", ...both, "--yes")).toMatchObject({ result: "changed", errors: [] });
      expect(await snapshots()).toEqual(before);
    });
  });
});
