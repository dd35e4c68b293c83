import { describe, expect, it } from "vitest";
import { HostError } from "../../../src/core/errors.js";
import { parseNeighbours } from "../../../src/hosts/linux/neighbours.js";
import { neighbourNotes } from "../../../src/hosts/vps/neighbour-notes.js";
import { site } from "../world.js";

/** What is made of the parts of a VPS's answer; the others are as on a VPS with nothing of that kind. */
function neighbours(parts: { services?: string; nft?: string; firewalls?: string } = {}) {
  const section = (stdout = "") => ({ stdout, code: 0 });
  return parseNeighbours(
    new Map([
      ["services", section(parts.services)],
      ["nft", section(parts.nft)],
      ["firewalls", section(parts.firewalls)],
    ]),
    "VPS",
  );
}

/** iproute2 6.1, with Docker 20.10.24. */
const sockets = `udp   UNCONN 0      0            0.0.0.0:51820      0.0.0.0:*
udp   UNCONN 0      0       0.0.0.0%eth0:68         0.0.0.0:*    users:(("dhclient",pid=301,fd=7))
tcp   LISTEN 0      128          0.0.0.0:22         0.0.0.0:*    users:(("sshd",pid=219,fd=3))
tcp   LISTEN 0      4096         0.0.0.0:8080       0.0.0.0:*    users:(("docker-proxy",pid=794,fd=4))
tcp   LISTEN 0      4096       127.0.0.1:38961      0.0.0.0:*    users:(("containerd",pid=387,fd=9))
tcp   LISTEN 0      511    203.0.113.145:443        0.0.0.0:*    users:(("nginx",pid=401,fd=6),("nginx",pid=400,fd=6))
tcp   LISTEN 0      511                *:80               *:*    users:(("nginx",pid=401,fd=7))
tcp   LISTEN 0      128             [::]:22            [::]:*    users:(("sshd",pid=219,fd=4))
docker tcp 8080
docker tcp 9000
`;

describe("the services of the VPS that the public IPv4 no longer leads to", () => {
  const notes = (uplinkIPv4: string, keepPorts: readonly number[]) =>
    neighbourNotes(neighbours({ services: sockets }), [
      { publicIPv4: "203.0.113.144", uplinkIPv4, keepPorts, forwards: site.forwards },
    ]);

  it("are named with their programs, once each; not those of one host, of IPv6 or of a DHCP client", () => {
    expect(notes("203.0.113.144", [22])).toEqual([
      expect.stringContaining(
        "these services of the VPS: TCP 80 (nginx), TCP 8080 (docker-proxy), TCP 9000 (docker), UDP 51820; by IPv6",
      ),
    ]);
  });

  it("are those at that address, and SSH where it isn't kept", () => {
    expect(notes("203.0.113.145", [])[0]).toContain(
      "TCP 22 (sshd), TCP 80 (nginx), TCP 443 (nginx), TCP 8080",
    );
  });

  it("are none where there is nothing but SSH", () => {
    const services = "tcp LISTEN 0 128 0.0.0.0:22 0.0.0.0:*\n";
    const about = {
      publicIPv4: "203.0.113.144",
      uplinkIPv4: "203.0.113.144",
      keepPorts: [22],
      forwards: site.forwards,
    };
    expect(neighbourNotes(neighbours({ services }), [about])).toEqual([]);
  });
});

/** nft 1.0.6, `-s -t`: Docker's tables by iptables-nft, one of firewalld's, and one by hand. */
const ruleset = (policy: string, ...rules: readonly string[]) => `table ip filter {
	chain FORWARD {
		type filter hook forward priority filter; policy drop;
		counter jump DOCKER-USER
	}
}
table inet firewalld {
	chain filter_FORWARD {
		type filter hook forward priority filter + 10; policy accept;
		reject with icmpx admin-prohibited
	}
}
table inet filter {
	set banned {
		type ipv4_addr
		flags timeout
	}

	chain forward {
		type filter hook forward priority filter; policy ${policy};
		jump mine
${rules.map((rule) => `\t\t${rule}\n`).join("")}	}

	chain mine {
		iifname "wg0" accept
	}
}
`;

describe("nftables chains that shut out what they don't know", () => {
  const barriers = (text: string) => neighbours({ nft: text }).barriers;

  it("are those with a policy of drop, or with a last rule for all; not iptables' own or firewalld's", () => {
    const forward = { table: "inet filter", chain: "forward", hook: "forward" };
    expect(barriers(ruleset("drop"))).toEqual([{ ...forward, rules: ["jump mine", 'iifname "wg0" accept'] }]);
    expect(barriers(ruleset("accept", "counter drop"))).toMatchObject([forward]);
    expect(barriers(ruleset("accept", "reject with icmpx port-unreachable"))).toMatchObject([forward]);
    expect(barriers(ruleset("accept", "ip saddr @banned drop"))).toEqual([]);
  });

  it("count where packets come in or go through, of either family", () => {
    const table = (family: string, hook: string) =>
      `table ${family} x {\n\tchain y {\n\t\ttype filter hook ${hook} priority 0; policy drop;\n\t}\n}\n`;
    const found = ["inet", "ip", "ip6", "arp", "bridge"].flatMap((family) =>
      ["input", "forward", "output", "prerouting"].flatMap((hook) =>
        barriers(table(family, hook)).map(() => `${family} ${hook}`),
      ),
    );
    expect(found).toEqual([
      "inet input",
      "inet forward",
      "ip input",
      "ip forward",
      "ip6 input",
      "ip6 forward",
    ]);
  });

  it("aren't guessed from half a ruleset", () => {
    expect(() => barriers("table inet x {\n\tchain y {\n")).toThrow(HostError);
  });
});

describe("firewalld and nftables.service", () => {
  it("are there or not, in use or not", () => {
    expect(neighbours()).toMatchObject({ flushes: false, firewalld: { installed: false, reload: false } });
    expect(neighbours({ firewalls: "flushes\nfirewalld\nreload\n" })).toMatchObject({
      flushes: true,
      firewalld: { installed: true, reload: true },
    });
  });

  it("are spoken of before something of theirs goes, or of ds4's", () => {
    const about = {
      publicIPv4: "203.0.113.144",
      uplinkIPv4: "203.0.113.144",
      keepPorts: [22],
      forwards: site.forwards,
    };
    expect(neighbourNotes(neighbours({ firewalls: "flushes\nfirewalld\nreload\n" }), [about])).toEqual([
      expect.stringContaining("'firewall-cmd --runtime-to-permanent' keeps it"),
      expect.stringContaining("'systemctl reload firewalld' does the same and brings them back"),
      expect.stringContaining("'systemctl reload nftables' brings them back"),
    ]);
  });
});
