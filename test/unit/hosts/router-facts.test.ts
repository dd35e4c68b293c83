import { describe, expect, it } from "vitest";
import { ConflictError, HostError } from "../../../src/core/errors.js";
import { renderOwned } from "../../../src/core/owned.js";
import type { Section } from "../../../src/core/script.js";
import { parseRouterFacts } from "../../../src/hosts/router/facts.js";
import { recorded, recordedConfigs } from "../recorded.js";

const configs = new Map(recordedConfigs());
const host = `uid=0
fw4=yes
packages=opkg
tool=yes
module=yes
mtu=br-lan 1500
mtu=eth1 1492
mtu=lo 65536
free=83112
`;
const ok = (stdout: string): Section => ({ stdout, code: 0 });
const answers: Readonly<Record<string, Section>> = {
  host: ok(host),
  owned: ok(""),
  switch: ok(""),
  board: ok(recorded("network-facts", 12)),
  interfaces: ok(recorded("network-facts", 1)),
  "uci-network": ok(configs.get("policy-routing /etc/config/network") ?? ""),
  "uci-firewall": ok(
    "package firewall\n\nconfig defaults\n\toption input 'REJECT'\n\nconfig zone\n\toption name 'lan'\n\tlist network 'lan'\n\nconfig zone\n\toption name 'wan'\n\toption network 'wan wan6'\n\tlist device 'ppp0'\n",
  ),
  staged: ok(""),
  rule: ok(recorded("policy-routing", 1)),
  route: ok(""),
  tunnel: ok(""),
};
const facts = (more: Readonly<Record<string, Section>> = {}) =>
  parseRouterFacts(new Map(Object.entries({ ...answers, ...more })));

/** The error of an answer, its words and its hint. */
function refusal(more: Readonly<Record<string, Section>>, kind: typeof HostError): string {
  try {
    facts(more);
  } catch (error) {
    expect(error).toBeInstanceOf(kind);
    return `${(error as HostError).message}\n${(error as HostError).hint ?? ""}`;
  }
  return expect.unreachable("it was accepted");
}

describe("a real OpenWrt 24.10", () => {
  it("is known by its release, interfaces, prefixes and zones", () => {
    const found = facts();
    expect(found).toMatchObject({
      release: "OpenWrt 24.10.5",
      firewall4: true,
      packageManager: "opkg",
      tunnelTool: true,
      tunnelModule: true,
      marked: false,
      owned: undefined,
      freeKib: 83112,
    });
    expect(found.interfaces.map(({ name, device, up }) => [name, device, up])).toEqual([
      ["lan", "br-lan", true],
      ["loopback", "lo", true],
      ["wan", "eth1", true],
      ["wan6", "eth1", true],
    ]);
    const [lan, , wan, wan6] = found.interfaces;
    expect(lan?.ipv4).toEqual([{ address: "192.168.1.1", mask: 24 }]);
    expect(lan?.ipv6.map(({ address }) => address)).toContain("2001:db8:100::1");
    expect(wan6).toMatchObject({
      prefixes: [expect.objectContaining({ address: "2001:db8:100::", mask: 56 })],
      defaultRoute6: true,
    });
    expect(wan?.defaultRoute6).toBe(false);
    expect(found.zones).toEqual([
      { name: "lan", networks: ["lan"], devices: [] },
      { name: "wan", networks: ["wan", "wan6"], devices: ["ppp0"] },
    ]);
    expect([...found.mtus]).toEqual([
      ["br-lan", 1500],
      ["eth1", 1492],
      ["lo", 65536],
    ]);
  });

  it("tells apk from opkg, and one that has neither", () => {
    const manager = (lines: string) => facts({ host: ok(lines) }).packageManager;
    expect(manager("packages=apk\npackages=opkg\n")).toBe("apk");
    expect(manager("uid=0\n")).toBeUndefined();
  });

  it("has no room where /etc can't be written", () => {
    expect(facts({ host: ok(`${host}readonly=yes\n`) }).freeKib).toBe(0);
  });

  it("is marked by a file, a section or both, and owned by the note", () => {
    expect(facts({ host: ok(`${host}marked=yes\n`) }).marked).toBe(true);
    const section = ok("package network\n\nconfig rule 'ds4_rule_main'\n\toption lookup 'main'\n");
    expect(facts({ "uci-network": section }).marked).toBe(true);
    const note = {
      site: "home",
      tunnel: {
        name: "wrap1",
        local: "2001:db8:100::1",
        atHome: "router" as const,
        ownLocal: true,
        remote: "2001:db8:1::1",
        servers: ["192.168.1.210"],
        mtu: 1460,
        table: 42,
      },
    };
    expect(facts({ owned: ok(renderOwned(note)) }).owned).toEqual(note);
  });

  it("has changes of somebody else staged, of these two packages only", () => {
    const staged =
      "network.lan.ip6hint='2'\n-firewall.cfg01\nsystem.@system[0].hostname='x'\nnetworks.a.b='c'\n";
    expect(facts({ staged: ok(staged) }).staged).toEqual(["network.lan.ip6hint='2'", "-firewall.cfg01"]);
  });

  it("waits for a confirmation of LuCI", () => {
    expect(facts({ host: ok(`${host}pending=yes\n`) }).pendingApply).toBe(true);
    expect(facts().pendingApply).toBe(false);
  });
});

describe("what isn't a router that ds4 can read", () => {
  it("is refused by what ubus says, and the hint names the key", () => {
    const text = refusal({ board: { stdout: "sh: ubus: not found\n", code: 127 } }, HostError);
    expect(text).toMatch(/no OpenWrt: .*ubus: not found\n.*router: \{ ssh: … \}/);
  });

  it("is an error for each part that failed, and never an empty part", () => {
    const failed = { stdout: "Command failed: Request timed out\n", code: 1 };
    expect(refusal({ host: failed }, HostError)).toContain("timed out");
    expect(refusal({ interfaces: failed }, HostError)).toContain("network.interface dump can't be read");
    expect(refusal({ staged: failed }, HostError)).toContain("uci changes can't be read");
    expect(refusal({ rule: failed }, HostError)).toContain("the router's routing rules can't be read");
    expect(refusal({ owned: failed }, HostError)).toContain("/etc/ds4/site can't be read");
    expect(refusal({ interfaces: ok("{}") }, HostError)).toContain("unknown form");
    expect(refusal({ interfaces: ok('{"interface": [{') }, HostError)).toContain("is no JSON");
  });

  it("is a conflict where a configuration is broken: reloading it would lock everybody out", () => {
    const broken = { stdout: "uci: Parse error (EOF with unterminated ') at line 9\n", code: 1 };
    expect(refusal({ "uci-firewall": broken }, ConflictError)).toMatch(
      /unterminated.*\n.*reload nothing before/s,
    );
    expect(refusal({ "uci-network": broken }, ConflictError)).toContain("/etc/config/network");
  });
});
