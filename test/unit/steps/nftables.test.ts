import { describe, expect, it } from "vitest";
import type { RouterFacts } from "../../../src/hosts/router/facts.js";
import { parseUciExport } from "../../../src/hosts/router/uci.js";
import { parseSite } from "../../../src/inventory/load.js";
import { firewall } from "../../../src/steps/router/firewall.js";
import { nftFile, nftPath } from "../../../src/steps/router/nftables.js";
import { rules } from "../../../src/steps/router/rules.js";
import { tunnel } from "../../../src/steps/router/tunnel.js";
import { uci } from "../../../src/steps/router/uci.js";
import { chains } from "../../../src/steps/vps/chains.js";
import { lan, loopback, router, routerInterface, wan6, world } from "../world.js";

const [first, second] = ["192.168.1.210", "192.168.1.211"];

/** The usual home, with these lines in its inventory. */
function home(lines: readonly string[], more: Parameters<typeof world>[0] = {}) {
  const text = ["vps: { ssh: a }", "router: { ssh: b }", ...lines, ""].join("\n");
  return world({ ...more, site: parseSite(text, "inventory/home.yaml") });
}
const byProvider = home([`server: ${first}`, "egress: isp", "hairpin: vps"]);
const both = home([
  "hairpin: vps",
  "forward:",
  `  - { server: ${first}, traffic: tcp/443 }`,
  `  - { server: ${second}, traffic: tcp/25, egress: isp }`,
]);

/** The rules in the file, without their comments. */
const ruleLines = (made: ReturnType<typeof world>) =>
  (nftFile(made) ?? "").split("\n").flatMap((line) => /^\t(.*) comment ".*"$/.exec(line)?.[1] ?? []);

describe("a server whose own connections leave by the provider", () => {
  it("has marks on what belongs to a connection out of the tunnel, and no other bit is touched", () => {
    expect(nftFile(byProvider)).toBe(`# Written by ds4 for the site 'home': part of table inet fw4.
chain ds4_reply {
	type filter hook prerouting priority mangle; policy accept;
	iifname "wrap1" ip daddr ${first} ct direction original ct mark set ct mark | 0x02000000 meta mark set meta mark | 0x02000000 comment "!fw4: ds4_reply"
	iifname != "wrap1" ip saddr ${first} ct direction reply ct mark & 0x02000000 == 0x02000000 meta mark set meta mark | 0x02000000 comment "!fw4: ds4_reply"
}
`);
    expect(nftFile(home([`server: ${first}`, "hairpin: vps"]))).toBeUndefined();
  });

  it("is sent through the tunnel by that mark alone, and rp_filter asks with it", () => {
    expect(Object.fromEntries(rules.desired(byProvider))).toEqual({
      "4200": { rule: `from ${first} fwmark 0x2000000/0x2000000 lookup main suppress_prefixlength 0` },
      "4201": { rule: `from ${first} fwmark 0x2000000/0x2000000 lookup 42` },
    });
    expect(uci.desired(byProvider).get("network.ds4_rule_table")).toMatchObject({
      mark: "0x2000000/0x2000000",
    });
    expect(tunnel.desired(byProvider).get("wrap1")).toMatchObject({ rpFilter: "1", srcValidMark: "1" });
  });

  it("is let out by neither host, but for answers", () => {
    expect([...uci.desired(byProvider).keys()]).not.toContain("firewall.ds4_out");
    const ipv4 = chains.desired(byProvider).get("ipv4");
    expect(ipv4?.["nat DS4-POSTROUTING"]).toEqual([]);
    expect(ipv4?.["filter DS4-FORWARD"]).not.toContain(`-s ${first}/32 -i wrap1 -o eth0 -j ACCEPT`);
    expect(ipv4?.["filter DS4-FORWARD"]).toContain(
      `-s ${first}/32 -i wrap1 -o eth0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`,
    );
  });

  it("may stand beside one whose connections leave by the VPS", () => {
    expect(ruleLines(both).filter((line) => line.includes(first))).toEqual([]);
    expect(nftFile(both)).toContain('"!fw4: ds4_reply_2"');
    expect(rules.desired(both).get("4201")).toEqual({ rule: `from ${first} lookup 42` });
    expect(rules.desired(both).get("4203")?.rule).toContain("fwmark");
    expect(tunnel.desired(both).get("wrap1")).toMatchObject({ srcValidMark: "1" });
    expect([...uci.desired(both).keys()].filter((id) => /ds4_out(_\d+)?$/.test(id))).toEqual([
      "firewall.ds4_out",
    ]);
    expect(chains.desired(both).get("ipv4")?.["nat DS4-POSTROUTING"]).toEqual([
      `-s ${first}/32 -o eth0 -j SNAT --to-source 203.0.113.144`,
    ]);
  });

  it("is a conflict where somebody's mark has the same bit", () => {
    const found = (facts: Partial<RouterFacts>, made = byProvider) =>
      (rules.conflicts?.({ ...made, router: { ...router, ...facts } }) ?? []).map(({ message }) => message);
    const rule = (mark: string) => ({ rules: `2000:\tfrom all fwmark ${mark} lookup 100\n` });
    // mwan3's, pbr's, a transparent proxy's, and one that just names all bits.
    for (const mark of ["0x100/0x3f00", "0x10000/0xff0000", "0x1", "0x1/0xffffffff"])
      expect(found(rule(mark)), mark).toEqual([]);
    for (const mark of ["0x2000000/0x2000000", "0x2000000", "0x1/0x3000000", "0x2000000/0xffffffff"])
      expect(found(rule(mark)), mark).toEqual([
        expect.stringContaining(`'2000: from all fwmark ${mark} lookup 100'`),
      ]);
    const sets = parseUciExport("config rule\n\toption name 'mine'\n\toption set_mark '0xff000000'\n");
    expect(found({ firewall: sets })).toEqual([expect.stringContaining("rule 'mine' (set_mark 0xff000000)")]);
    // What is ds4's own is none, and without such a server nobody is in the way.
    const own = `4201:\tfrom ${first} fwmark 0x2000000/0x2000000 lookup 42\n`;
    expect(found({ rules: own, marked: true })).toEqual([]);
    expect(found(rule("0x2000000"), home([`server: ${first}`]))).toEqual([]);
  });

  it("is told that it has no way out where the router has none by IPv4", () => {
    const note = "the router has no IPv4 default route";
    expect(byProvider.design.notes.join()).toContain(note);
    const routed = { ...router, rules: `${router.rules}default main\n` };
    const lines = [`server: ${first}`, "egress: isp"];
    expect(home(lines, { router: routed }).design.notes.join()).not.toContain(note);
  });
});

describe("what LAN hosts send to the public IPv4", () => {
  const pub = "203.0.113.144";

  it("goes to the servers as a visitor's packets do, with SSH's port first", () => {
    const made = home([
      "forward:",
      `  - { server: ${first}, traffic: "all except tcp/8443, icmp" }`,
      `  - { server: ${second}, traffic: [tcp/443, tcp/2222 -> 22, udp/8000-8100, udp/1-2 -> 5-6, gre] }`,
    ]);
    expect(ruleLines(made)).toEqual([
      "tcp dport 22 return",
      `tcp dport 443 dnat ip to ${second}`,
      `tcp dport 2222 dnat ip to ${second}:22`,
      `udp dport 8000-8100 dnat ip to ${second}`,
      `udp dport 1-2 dnat ip to ${second}:udp dport map { 1 : 5, 2 : 6 }`,
      `meta l4proto 47 dnat ip to ${second}`,
      "tcp dport 8443 return",
      "meta l4proto 1 return",
      `dnat ip to ${first}`,
      `iifname "br-lan" ip daddr ${pub} jump ds4_hairpin`,
      `ct original ip daddr ${pub} ip saddr 192.168.1.0/24 ip daddr ${first} masquerade`,
      `ct original ip daddr ${pub} ip saddr 192.168.1.0/24 ip daddr ${second} masquerade`,
    ]);
  });

  it("comes in by each device of the servers' zone, and names that are none get into no rule", () => {
    const more = ["guest", 'x" accept; #', "wg0"].map((device, at) =>
      routerInterface(`net${at}`, { device, ipv4: [{ address: `192.168.${at + 2}.1`, mask: 24 }] }),
    );
    const zone = { name: "lan", networks: ["lan", "net1"], devices: ["wg0"] };
    const made = home([`server: ${first}`], {
      router: { interfaces: [lan, loopback, wan6, ...more], zones: [zone, ...router.zones.slice(1)] },
    });
    expect(ruleLines(made).filter((line) => line.startsWith("iifname"))).toEqual(
      ["br-lan", "wg0"].map((device) => `iifname "${device}" ip daddr ${pub} jump ds4_hairpin`),
    );
  });

  it("goes by the VPS where that is asked for, where the zone forwards nothing inside, or where too much moves", () => {
    const closed = (text: string) =>
      home([`server: ${first}`], {
        router: { firewall: parseUciExport(`${text}config zone\n\toption name 'lan'\n`) },
      });
    expect(nftFile(home([`server: ${first}`, "hairpin: vps"]))).toBeUndefined();
    expect(nftFile(closed(""))).toBeUndefined();
    expect(closed("").design.notes.join()).toContain("zone lan forwards nothing among its own hosts");
    expect(nftFile(closed("config defaults\n\toption forward 'accept'\n"))).toBeDefined();
    const moved = home(["forward:", `  - { server: ${first}, traffic: tcp/1-2000 -> 10001-12000 }`]);
    expect(ruleLines(moved)[0]).toBe("tcp dport 1-2000 return");
    expect(moved.design.notes.join()).toContain("tcp/1-2000 -> 10001-12000");
  });

  it("meets the address that visitors type, also behind the provider's 1:1 NAT", () => {
    const made = home([`server: ${first}`, "hairpin: router"]);
    const [own] = made.design.entrances;
    const entrance = { ...own, publicIPv4: "203.0.113.7", uplinkIPv4: "10.0.0.5" };
    const mapped = { ...made, design: { ...made.design, entrances: [entrance] as const } };
    expect(nftFile(mapped)).toContain("ip daddr 203.0.113.7 jump");
    expect(nftFile(mapped)).not.toContain("10.0.0.5");
  });
});

describe("the chains in the kernel", () => {
  const made = home([
    "forward:",
    `  - { server: ${first}, traffic: [tcp/1-2 -> 5-6, icmp, gre], egress: isp }`,
  ]);
  // As nft 1.0.6 lists them: protocols by their names.
  const listed = `table inet fw4 {\n${(nftFile(made) ?? "")
    .replace("l4proto 1 ", "l4proto icmp ")
    .replace("l4proto 47 ", "l4proto gre ")}}\n`;
  const parse = (stdout: string) => firewall.parse({ stdout, code: 0 }, router, made.site);
  const ids = ["ds4_reply", "ds4_hairpin", "ds4_hairpin_in", "ds4_hairpin_out"];

  it("are what is wanted", () => {
    const wanted = firewall.desired(made);
    expect(Object.fromEntries(parse(listed))).toEqual(
      Object.fromEntries(ids.map((id) => [id, wanted.get(id)])),
    );
  });

  it("show what is gone or changed", () => {
    const without = listed.replace(/^.*direction reply.*\n/m, "").replace("dport 1-2 ", "dport 1-3 ");
    const [found, wanted] = [parse(without), firewall.desired(made)];
    const same = ids.filter((id) => JSON.stringify(found.get(id)) === JSON.stringify(wanted.get(id)));
    expect(same).toEqual(["ds4_hairpin_in", "ds4_hairpin_out"]);
  });

  it("have a file where fw4 looks for it", () => {
    expect(nftPath).toMatch(/^\/etc\/nftables\.d\/[^/]+\.nft$/);
  });
});
