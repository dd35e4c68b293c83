import { describe, expect, it } from "vitest";
import type { Owned } from "../../../src/core/owned.js";
import { renderPlan } from "../../../src/core/plan.js";
import type { State } from "../../../src/core/state.js";
import type { HomeFacts } from "../../../src/hosts/home/facts.js";
import { parseSite } from "../../../src/inventory/load.js";
import { chains } from "../../../src/steps/home/chains.js";
import { routes } from "../../../src/steps/home/routes.js";
import { rules } from "../../../src/steps/home/rules.js";
import { address, homeSteps, persistence, sysctl, tunnel } from "../../../src/steps/home/steps.js";
import { home, homeWorld, linuxSite, server } from "../world.js";

const here = homeWorld();
const behind = homeWorld({
  site: parseSite(
    "vps: { ssh: a }\nhome: { kind: linux, ssh: b }\nforward:\n  - { server: 192.168.1.50, traffic: [tcp/443, tcp/8000-8100, udp/53, icmp] }\n",
    "home.yaml",
  ),
});
const { local, remote } = here.design;
const owned: Owned = {
  site: "home",
  tunnel: {
    name: "wrap1",
    local: remote,
    atHome: "home",
    ownLocal: true,
    remote: local,
    servers: [server],
    mtu: 1460,
    table: 42,
  },
};
const marked: HomeFacts = { ...home, marked: true, owned };
const ok = (stdout: string) => ({ stdout, code: 0 });

describe("the filter of a Linux machine at home", () => {
  const of = (world: typeof here) => chains.desired(world).get("ipv4") as Record<string, string[]>;

  it("leaves what is for the machine itself to its own firewall, and drops the rest", () => {
    const input = of(here)["filter DS4-INPUT"] ?? [];
    expect(input[0]).toBe(`-d ${server}/32 -i wrap1 -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN`);
    expect(input.filter((rule) => rule.startsWith("-s 192.168.0.0/16"))).toEqual([
      "-s 192.168.0.0/16 -i wrap1 -j DROP",
    ]);
    expect(input.slice(-3)).toEqual([
      `-s 198.18.0.1/32 -d ${server}/32 -i wrap1`,
      `-d ${server}/32 -i wrap1 -j RETURN`,
      "-i wrap1 -j DROP",
    ]);
  });

  it("leaves to that firewall, too, what the machine has turned over to a container, and its answers", () => {
    const turnedOver = (world: typeof here) =>
      (of(world)["filter DS4-FORWARD"] ?? []).filter((rule) => !rule.startsWith("-s "));
    const known = ["-i wrap1", "-o wrap1"].map(
      (way) => `${way} -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN`,
    );
    const rest = ["-i wrap1 -j DROP", "-o wrap1 -j DROP"];
    expect(turnedOver(here)).toEqual([
      ...known,
      `-i wrap1 -m conntrack --ctstate DNAT --ctorigdst ${server} -j RETURN`,
      ...rest,
    ]);
    const traffic = "[tcp/443, tcp/8000-8100, icmp]";
    const some = homeWorld({
      site: parseSite(
        `vps: { ssh: a }\nhome: { kind: linux, ssh: b }\nforward:\n  - { server: ${server}, traffic: ${traffic} }\n`,
        "home.yaml",
      ),
    });
    expect(turnedOver(some)).toEqual([
      ...known,
      `-i wrap1 -p icmp -m conntrack --ctstate DNAT --ctorigdst ${server} -j RETURN`,
      `-i wrap1 -p tcp -m conntrack --ctstate DNAT --ctorigdst ${server} --ctorigdstport 443 -j RETURN`,
      `-i wrap1 -p tcp -m conntrack --ctstate DNAT --ctorigdst ${server} --ctorigdstport 8000:8100 -j RETURN`,
      ...rest,
    ]);
    expect(of(here)["mangle DS4-PREROUTING"]?.at(-1)).toBe(
      "-m connmark --mark 0x2000000/0x2000000 -m conntrack --ctdir REPLY -j MARK --set-xmark 0x2000000/0x2000000",
    );
    expect(String(of(behind)["mangle DS4-PREROUTING"])).not.toContain("MARK");
  });

  it("lets through to a server behind it what was asked for, and nothing to the machine itself", () => {
    expect(of(behind)["filter DS4-INPUT"]).toEqual(["-i wrap1 -j DROP"]);
    expect(of(behind)["filter DS4-FORWARD"]?.slice(-8)).toEqual([
      "-s 198.18.0.1/32 -d 192.168.1.50/32 -i wrap1",
      "-d 192.168.1.50/32 -i wrap1 -p icmp -j ACCEPT",
      "-d 192.168.1.50/32 -i wrap1 -p tcp -m tcp --dport 443 -j ACCEPT",
      "-d 192.168.1.50/32 -i wrap1 -p tcp -m tcp --dport 8000:8100 -j ACCEPT",
      "-d 192.168.1.50/32 -i wrap1 -p udp -m udp --dport 53 -j ACCEPT",
      "-s 192.168.1.50/32 -o wrap1 -j ACCEPT",
      "-i wrap1 -j DROP",
      "-o wrap1 -j DROP",
    ]);
  });

  it("takes the outer packets from the VPS's end alone", () => {
    expect(chains.desired(here).get("ipv6")).toMatchObject({
      "filter DS4-INPUT": [
        `-s ${local}/128 -d ${remote}/128 -p 4 -j ACCEPT`,
        `-d ${remote}/128 -p 4 -j DROP`,
      ],
    });
  });

  it("is there before the tunnel is, and isn't what turns the traffic over", () => {
    const names = homeSteps.map(({ name }) => name);
    expect(names.indexOf("chains")).toBeLessThan(names.indexOf("tunnel"));
    expect(homeSteps.filter(({ turnsTraffic }) => turnsTraffic)).toEqual([]);
  });
});

describe("forwarding", () => {
  it("is on only where a server is another machine", () => {
    expect(sysctl.desired(here).size).toBe(0);
    expect(sysctl.desired(behind).size).toBe(1);
  });
});

describe("the routes of a Linux machine at home", () => {
  const thrown = [
    ...["10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12"],
    ...["192.168.0.0/16", "169.254.0.0/16", "224.0.0.0/3"],
  ];
  const listed = [
    { type: "unreachable", dst: "default", table: "42", protocol: "204", metric: 4000000000, flags: [] },
    { dst: "default", dev: "wrap1", table: "42", protocol: "204", scope: "link", flags: [] },
    ...thrown.map((dst) => ({
      type: "throw",
      dst,
      table: "42",
      protocol: "204",
      flags: [],
    })),
  ];

  it("read as what is wanted, and are made in the tunnel's table", () => {
    const wanted = routes.desired(here);
    expect(new Map([...routes.parse(ok(JSON.stringify(listed)), marked, linuxSite)].sort())).toEqual(
      new Map([...wanted].sort()),
    );
    expect([...wanted].flatMap(([id, state]) => routes.up(id, state))).toEqual([
      "ip route replace default dev wrap1 table 42 proto 204",
      "ip route replace unreachable default metric 4000000000 table 42 proto 204",
      ...thrown.map((range) => `ip route replace throw ${range} table 42 proto 204`),
    ]);
  });

  it("of somebody else in that table are a conflict", () => {
    const found = (table: string) => routes.conflicts?.({ ...here, home: { ...home, table } });
    expect(found("default dev wrap1 proto 204 scope link \n")).toEqual([]);
    expect(found("default via 192.168.1.1 dev eth0 \n")).toMatchObject([
      { host: "home", message: expect.stringContaining("used by somebody else: default via 192.168.1.1") },
    ]);
  });
});

describe("the policy rules of a Linux machine at home", () => {
  const text = `0:\tfrom all lookup local
4199:\tfrom all oif eth0 lookup main proto static
4200:\tfrom ${server} lookup main suppress_prefixlength 0 proto static
4201:\tfrom ${server} lookup 42 proto static
4232:\tfrom 0.0.0.0 iif lo lookup main suppress_prefixlength 0
4233:\tfrom 0.0.0.0 iif lo lookup 42
4234:\tfrom all fwmark 0x2000000/0x2000000 lookup main suppress_prefixlength 0 proto static
4235:\tfrom all fwmark 0x2000000/0x2000000 lookup 42 proto static
`;

  it("read as what is wanted", () => {
    expect(rules.parse(ok(text), marked, linuxSite)).toEqual(rules.desired(here));
    expect(rules.parse(ok(text), home, linuxSite).size).toBe(0);
  });

  it("are of a protocol that systemd-networkd leaves alone", () => {
    const lines = [...rules.desired(here)].flatMap(([id, state]) => rules.up(id, state));
    expect(lines.map((line) => /ip rule add (.*); \}$/.exec(line)?.[1])).toEqual([
      `priority 4200 from ${server} lookup main suppress_prefixlength 0 protocol static`,
      `priority 4201 from ${server} lookup 42 protocol static`,
      "priority 4199 from all oif eth0 lookup main protocol static",
      "priority 4232 from 0.0.0.0/32 iif lo lookup main suppress_prefixlength 0 protocol kernel",
      "priority 4233 from 0.0.0.0/32 iif lo lookup 42 protocol kernel",
      "priority 4234 from all fwmark 0x2000000/0x2000000 lookup main suppress_prefixlength 0 protocol static",
      "priority 4235 from all fwmark 0x2000000/0x2000000 lookup 42 protocol static",
    ]);
    expect([...rules.desired(behind).keys()]).toEqual(["4200", "4201"]);
  });

  it("of somebody else that come first, and send what the machine sends elsewhere, are a conflict", () => {
    const found = (line: string) =>
      rules.conflicts?.({ ...here, home: { ...home, rules: `${line}\ndefault 77\n` } });
    expect(found("900:\tfrom all lookup 77")).toHaveLength(1);
    expect(found("900:\tfrom all iif lo lookup 77")).toHaveLength(1);
    expect(found("900:\tfrom all iif eth0 lookup 77")).toEqual([]);
    expect(found("900:\tfrom all oif eth0 lookup 77")).toEqual([]);
    expect(found("4199:\tfrom all lookup 78")).toHaveLength(1);
    expect(found("4200:\tfrom 192.168.1.7 lookup 77")).toHaveLength(1);
  });
});

describe("the tunnel's end of a Linux machine at home", () => {
  it("is the VPS's, turned round", () => {
    expect(tunnel.desired(here).get("wrap1")).toMatchObject({ local: remote, remote: local, device: "eth0" });
    expect([...address.desired(here).keys()]).toEqual([`${remote}/128`]);
  });
});

describe("systemd-networkd on a Linux machine at home", () => {
  it("is told of all that it would take away", () => {
    const file = "/etc/systemd/network/10-eth0.network";
    const world = homeWorld({ home: { networkFiles: new Map([["eth0", file]]) } });
    const content = String((persistence.desired(world).get(`${file}.d/ds4.conf`) as State).content);
    for (const part of [
      `[Address]\nAddress=${remote}/128\nPreferredLifetime=0`,
      `[RoutingPolicyRule]\nPriority=4200\nFrom=${server}\nTable=main\nSuppressPrefixLength=0\n`,
      `[RoutingPolicyRule]\nPriority=4201\nFrom=${server}\nTable=42\n`,
      "[RoutingPolicyRule]\nPriority=4199\nOutgoingInterface=eth0\nTable=main\n",
      "[RoutingPolicyRule]\nPriority=4235\nFirewallMark=0x2000000/0x2000000\nTable=42\n",
      "[Route]\nDestination=0.0.0.0/0\nType=unreachable\nMetric=4000000000\nTable=42\nProtocol=204\n",
      "[Route]\nDestination=192.168.0.0/16\nType=throw\nTable=42\nProtocol=204\n",
    ])
      expect(content).toContain(part);
  });
});

it("an undo that was written down needs no file of ds4's", () => {
  const changes = homeSteps.flatMap((step) =>
    [...step.desired(here)].map(([id, from]) => ({ step: step.name, layer: step.layer, id, from, to: from })),
  );
  const live = changes.filter(({ layer }) => layer === "live");
  const lines = renderPlan({ host: "home", changes: live }, homeSteps, true);
  expect(lines.length).toBeGreaterThan(20);
  expect(lines.filter((line) => /^\/etc\/ds4\/up/.test(line))).toEqual([]);
});
