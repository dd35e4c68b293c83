import { describe, expect, it } from "vitest";
import { placeOf } from "../../../src/steps/linux/jump-position.js";

/** Where the jump from a hook is, among these lines of `iptables-save`. */
function place(hook: string, ...lines: readonly string[]): string {
  const rulesOf = (chain: string) => {
    const rules = lines.flatMap((line) =>
      line.startsWith(`-A ${chain} `) ? [line.slice(chain.length + 4)] : [],
    );
    return rules.length > 0 || lines.includes(`:${chain} - [0:0]`) ? rules : undefined;
  };
  return placeOf(
    { hook, chain: `DS4-${hook}`, devices: ["wrap1", "eth0"], servers: ["192.168.1.210"] },
    rulesOf,
  );
}

/** As `systemctl restart docker` leaves them (20.10.24). */
const docker = [
  "-A FORWARD -j DOCKER-USER",
  "-A FORWARD -j DOCKER-ISOLATION-STAGE-1",
  "-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
  "-A FORWARD -o docker0 -j DOCKER",
  "-A FORWARD -i docker0 ! -o docker0 -j ACCEPT",
  "-A FORWARD -i docker0 -o docker0 -j ACCEPT",
  "-A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2",
  "-A DOCKER-ISOLATION-STAGE-1 -j RETURN",
  "-A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP",
  "-A DOCKER-ISOLATION-STAGE-2 -j RETURN",
  "-A DOCKER-USER -j RETURN",
];
const jump = "-A FORWARD -j DS4-FORWARD";

describe("the jump from FORWARD", () => {
  it("is first behind what Docker puts before it, which is about its own bridges", () => {
    expect(place("FORWARD", ...docker, jump)).toBe("first");
  });

  it("is first behind a chain of Docker's without a rule, as 28.3 has them", () => {
    const empty = [":DOCKER-USER - [0:0]", "-A FORWARD -j DOCKER-USER"];
    expect(place("FORWARD", ...empty, jump)).toBe("first");
  });

  it("isn't once the user's own chain of Docker's stops something", () => {
    expect(place("FORWARD", "-A DOCKER-USER -s 192.0.2.9/32 -j DROP", ...docker, jump)).toBe("at 7");
  });

  it("isn't behind a rule for the uplink, for any device or for all but one", () => {
    for (const devices of ["-i eth0 ", "-o wrap1 ", "", "! -i docker0 ", "-i e+ ", "-i docker0+ "]) {
      expect(place("FORWARD", `-A FORWARD ${devices}-j ACCEPT`, jump), devices).toBe("at 2");
    }
  });

  it("is behind rules that only count, note or mark", () => {
    const rules = [
      "-A FORWARD -s 192.0.2.9/32",
      "-A FORWARD -j LOG --log-prefix x",
      "-A FORWARD -j MARK --set-xmark 0x1/0x1",
    ];
    expect(place("FORWARD", ...rules, jump)).toBe("first");
  });

  it("isn't behind a chain that calls itself, or a target that is none of iptables' own", () => {
    expect(place("FORWARD", "-A FORWARD -j LOOP", "-A LOOP -j LOOP", jump)).toBe("at 2");
    expect(place("FORWARD", "-A FORWARD -j NFQUEUE --queue-num 0", jump)).toBe("at 2");
  });
});

describe("the jump from INPUT", () => {
  const last = "-A INPUT -j DS4-INPUT";

  it("is first behind fail2ban's bans, with rules for each address or with a set", () => {
    expect(
      place(
        "INPUT",
        "-A INPUT -p tcp -m multiport --dports 22 -j f2b-sshd",
        "-A INPUT -p tcp -m set --match-set f2b-web src -j REJECT --reject-with icmp-port-unreachable",
        "-A INPUT -m set --match-set blocklist src -j DROP",
        last,
        "-A f2b-sshd -s 198.51.100.9/32 -j REJECT --reject-with icmp-port-unreachable",
        "-A f2b-sshd -j RETURN",
      ),
    ).toBe("first");
  });

  it("isn't behind what lets something in, or shuts everything out", () => {
    expect(place("INPUT", "-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT", last)).toBe("at 2");
    expect(place("INPUT", "-A INPUT -j DROP", last)).toBe("at 2");
    expect(place("INPUT", "-A INPUT ! -s 192.0.2.0/24 -j DROP", last)).toBe("at 2");
  });
});

describe("the jump from POSTROUTING", () => {
  const last = "-A POSTROUTING -j DS4-POSTROUTING";

  it("is first behind what masquerades other sources than the server", () => {
    expect(place("POSTROUTING", "-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE", last)).toBe(
      "first",
    );
    for (const source of ["-s 192.168.0.0/16 ", "-s 192.168.1.210/32 ", "! -s 172.17.0.0/16 ", ""]) {
      expect(place("POSTROUTING", `-A POSTROUTING ${source}-j MASQUERADE`, last), source).toBe("at 2");
    }
  });
});

/** As Tailscale 1.80 leaves them, with iptables. */
const tailscale = [
  "-A INPUT -j ts-input",
  "-A FORWARD -j ts-forward",
  "-A ts-input -s 100.101.102.103/32 -i lo -j ACCEPT",
  "-A ts-input -s 100.115.92.0/23 ! -i tailscale0 -j RETURN",
  "-A ts-input -s 100.64.0.0/10 ! -i tailscale0 -j DROP",
  "-A ts-input -i tailscale0 -j ACCEPT",
  "-A ts-input -p udp -m udp --dport 41641 -j ACCEPT",
  "-A ts-forward -i tailscale0 -j MARK --set-xmark 0x40000/0xff0000",
  "-A ts-forward -m mark --mark 0x40000/0xff0000 -j ACCEPT",
  "-A ts-forward -s 100.64.0.0/10 -o tailscale0 -j DROP",
  "-A ts-forward -o tailscale0 -j ACCEPT",
];

describe("the jumps behind Tailscale's", () => {
  it("are first: its chains are about its own device, its marks and its port", () => {
    expect(place("FORWARD", ...tailscale, jump)).toBe("first");
    expect(place("INPUT", ...tailscale, "-A INPUT -j DS4-INPUT")).toBe("first");
  });

  it("aren't where a rule there accepts what has no mark, or all of a protocol", () => {
    for (const rule of ["-m mark ! --mark 0x40000/0xff0000", "-m mark --mark 0x0/0xff0000", "-p udp"]) {
      expect(place("FORWARD", `-A FORWARD ${rule} -j ACCEPT`, jump), rule).toBe("at 2");
      expect(place("INPUT", `-A INPUT ${rule} -j ACCEPT`, "-A INPUT -j DS4-INPUT"), rule).toBe("at 2");
    }
  });
});
