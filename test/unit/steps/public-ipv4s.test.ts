import { describe, expect, it } from "vitest";
import { listDesign } from "../../../src/commands/run.js";
import { InventoryError } from "../../../src/core/errors.js";
import { usedEntrances } from "../../../src/hosts/entrances.js";
import { makeRelayDesign, unitName } from "../../../src/hosts/relay-design.js";
import type { RouterFacts } from "../../../src/hosts/router/facts.js";
import type { VpsFacts } from "../../../src/hosts/vps/facts.js";
import { parseSite } from "../../../src/inventory/load.js";
import { attempts } from "../../../src/proof/attempts.js";
import { relayProof } from "../../../src/proof/relay.js";
import { witnessLines } from "../../../src/proof/router-witness.js";
import { visitorProbe } from "../../../src/proof/visitor.js";
import { waysHome } from "../../../src/report/human.js";
import { chains as homeChains } from "../../../src/steps/home/chains.js";
import { inboundRules } from "../../../src/steps/inbound.js";
import { forgetMoved } from "../../../src/steps/linux/conntrack.js";
import { nftChains } from "../../../src/steps/router/nftables.js";
import { chains } from "../../../src/steps/vps/chains.js";
import { programs } from "../../../src/steps/vps/relay/programs.js";
import { chains as relayChains } from "../../../src/steps/vps/relay/shared.js";
import { idOf } from "../../../src/steps/vps/relay/unit-file.js";
import { units } from "../../../src/steps/vps/relay/units.js";
import { runScript, shells } from "../../shells.js";
import { address, homeWorld, link, lo, vps, world } from "../world.js";

const [first, second] = ["192.168.1.210", "192.168.1.211"];
const [own, other] = ["203.0.113.144", "203.0.113.145"];
const links = (...texts: readonly string[]) => [
  lo,
  link("eth0", { addresses: [...texts, "2001:db8:1::10/64"].map((text) => address(text)) }),
];
const two: Partial<VpsFacts> = { links: links(`${own}/24`, `${other}/24`) };

const text = (entries: readonly string[], head = "vps: { ssh: a }\nrouter: { ssh: b }") =>
  `${head}\nforward:\n${entries.map((entry) => `  - { ${entry} }\n`).join("")}`;
const home = (
  entries: readonly string[],
  facts: Partial<VpsFacts> = {},
  more = "",
  router: Partial<RouterFacts> = {},
) => world({ site: parseSite(`${text(entries)}${more}`, "home.yaml"), vps: { ...two, ...facts }, router });
const at = (server: string, traffic: string, publicIPv4?: string) =>
  `server: ${server}, traffic: ${traffic}${publicIPv4 === undefined ? "" : `, publicIPv4: ${publicIPv4}`}`;

const chosen = [at(first, "[icmp, tcp/443]"), at(second, "[icmp, tcp/443]", other)];
const rulesOf = (entries: readonly string[], chain: string, facts: Partial<VpsFacts> = {}) =>
  chains.desired(home(entries, facts)).get("ipv4")?.[chain] as readonly string[];
const nat = (entries: readonly string[], facts: Partial<VpsFacts> = {}) =>
  rulesOf(entries, "nat DS4-PREROUTING", facts);

describe("two public IPv4s on a VPS", () => {
  it("lead to a server each by the same port", () => {
    expect(nat(chosen)).toEqual([
      `-d ${own}/32 -i eth0 -p icmp -j DNAT --to-destination ${first}`,
      `-d ${own}/32 -i eth0 -p tcp -m tcp --dport 443 -j DNAT --to-destination ${first}`,
      `-d ${other}/32 -i eth0 -p icmp -j DNAT --to-destination ${second}`,
      `-d ${other}/32 -i eth0 -p tcp -m tcp --dport 443 -j DNAT --to-destination ${second}`,
    ]);
  });

  it("are what a server's own connections leave with: that of its first entry", () => {
    expect(rulesOf([...chosen, at(first, "tcp/25", other)], "nat DS4-POSTROUTING")).toEqual([
      `-s ${first}/32 -o eth0 -j SNAT --to-source ${own}`,
      `-s ${second}/32 -o eth0 -j SNAT --to-source ${other}`,
    ]);
    const moved = [at(first, "tcp/25", other), at(first, "tcp/443")];
    expect(rulesOf(moved, "nat DS4-POSTROUTING")).toEqual([
      `-s ${first}/32 -o eth0 -j SNAT --to-source ${other}`,
    ]);
  });

  it("have one tunnel, whose ends are made of the site's own one, also where all goes by the other", () => {
    const { design } = home([at(first, "all", other)]);
    expect(design).toMatchObject({ publicIPv4: own, local: "2001:db8:1:0:203:0:113:144" });
    expect(nat([at(first, "all", other)])).toEqual([
      `-d ${other}/32 -i eth0 -j DNAT --to-destination ${first}`,
    ]);
  });

  it("keep SSH's port where the session is, and where an earlier one was", () => {
    const all = [at(first, "all"), at(second, "all", other)];
    const kept = (facts: Partial<VpsFacts>) =>
      home(all, facts).design.entrances.map(({ keepPorts }) => keepPorts);
    const ssh = (address: string, port = 22) => ({ address, port });
    expect(kept({ ssh4: ssh(own) })).toEqual([[22], []]);
    expect(kept({ ssh4: ssh(other) })).toEqual([[], [22]]);
    expect(kept({ ssh4: ssh(other), keptPorts: [ssh(own, 2222)] })).toEqual([[2222], [22]]);
    // What is at no address of the VPS's is the first one's, as where there is one alone.
    expect(kept({ ssh4: ssh("203.0.113.199") })).toEqual([[22], []]);
    // What is at one that the site has nothing for stays with the VPS anyway, also when it was the site's before.
    const { design } = home([at(first, "all")], { ssh4: ssh(other), keptPorts: [ssh(other)] });
    expect(design.entrances.map(({ keepPorts }) => keepPorts)).toEqual([[]]);
  });

  it("keep a way in that leads by one of them, such as a reverse tunnel's port", () => {
    const way = [{ address: other, port: 2222 }];
    const { design } = home([at(first, "all"), at(second, "all", other)], {}, "", { way });
    expect(design.entrances.map(({ keepPorts }) => keepPorts)).toEqual([[22], [2222]]);
  });

  it("keep no way in that leads by ds4's own forwards, where the VPS has nothing on that port", () => {
    const way = [{ address: own, port: 2222 }];
    const kept = (port: number) => {
      const services = [{ protocol: "tcp", address: "any", port, program: "sshd" }];
      const facts = { owned: { site: "home" }, neighbours: { ...vps.neighbours, services } };
      return home([at(first, "all")], facts, "", { way }).design.entrances.map(({ keepPorts }) => keepPorts);
    };
    expect(kept(2222)).toEqual([[22, 2222]]);
    expect(kept(2223)).toEqual([[22]]);
  });

  it("take a port by which ds4 came in once and where nothing listens any more", () => {
    const neighbours = { ...vps.neighbours, services: [] };
    const facts = { neighbours, keptPorts: [{ address: own, port: 22 }], ssh4: { address: own, port: 2222 } };
    const conflicts = (traffic: string) =>
      (chains.conflicts?.(home([at(first, traffic)], facts)) ?? []).map(({ message }) => message);
    expect(conflicts("tcp/22")).toEqual([]);
    expect(conflicts("tcp/2222")).toEqual([
      "the SSH server on the VPS listens on tcp/2222, which 'tcp/2222' asks for (home.yaml:4)",
    ]);
  });

  it("have a service of the VPS in the way where that listens, on one or on all", () => {
    const conflicts = (address: string) => {
      const services = [{ protocol: "tcp", address, port: 443, program: "nginx" }];
      const facts = { neighbours: { ...vps.neighbours, services } };
      return (chains.conflicts?.(home(chosen, facts)) ?? []).map(({ message }) => message);
    };
    const there = (address: string, line: number) =>
      `nginx on the VPS listens on tcp/443 of ${address}, which 'tcp/443' asks for (home.yaml:${line})`;
    expect(conflicts(other)).toEqual([there(other, 5)]);
    expect(conflicts("any")).toEqual([there(own, 4), there(other, 5)]);
    expect(conflicts("203.0.113.146")).toEqual([]);
  });

  it("forget the connections of the one whose forward is gone, and keep those of the same port on the other", () => {
    const from = nat([at(first, "tcp/443"), at(first, "tcp/443", other), at(second, "tcp/80", other)]);
    const to = nat([at(first, "tcp/443"), at(second, "tcp/80", other)]);
    const entry = (to: string) =>
      `tcp      6 300 ESTABLISHED src=198.51.100.220 dst=${to} sport=4000 dport=443 src=${first} dst=198.51.100.220 sport=443 dport=4000 [ASSURED] mark=0 use=1`;
    const fake = `conntrack() { case $1 in -L) printf '%s\\n' '${entry(own)}' '${entry(other)}' ;; *) echo "$*" >&3 ;; esac; }
command() { return 0; }
exec 3>&1`;
    for (const shell of shells.filter(({ missing }) => !missing)) {
      expect(runScript(shell, [fake, ...forgetMoved(from, to)].join("\n")).stdout).toBe(
        `-D -p 6 -s 198.51.100.220 -d ${other} --sport 4000 --dport 443\n`,
      );
    }
  });
});

describe("an entry for a public IPv4", () => {
  /** The place of what is wrong, and what to type. */
  function refusal(entries: readonly string[], facts: Partial<VpsFacts> = two, head?: string): string {
    try {
      const site = parseSite(text(entries, head), "home.yaml");
      world({ site, vps: facts });
    } catch (error) {
      expect(error).toBeInstanceOf(InventoryError);
      return (error as Error).message;
    }
    return expect.unreachable("it was accepted");
  }

  it("has to be on the uplink, and is told which are there", () => {
    const message = refusal([at(first, "tcp/443"), at(second, "tcp/443", "203.0.113.146")]);
    expect(message).toContain("home.yaml:5:60: forward.publicIPv4: the VPS has no 203.0.113.146 on eth0");
    expect(message).toContain(`There are ${own}, ${other}.`);
    const elsewhere = [...links(`${own}/24`), link("eth1", { addresses: [address(`${other}/24`)] })];
    expect(refusal([at(first, "tcp/443", other)], { links: elsewhere })).toContain(
      `the VPS has ${other} on eth1, not on its uplink eth0`,
    );
  });

  it("can't be behind the provider's 1:1 NAT, where nothing says to which address it is mapped", () => {
    const mapped = {
      links: links("10.0.0.5/24", "10.0.0.6/24"),
      uplink: { name: "eth0", address: "10.0.0.5" },
    };
    const head = `vps: { ssh: a, publicIPv4: ${own} }\nrouter: { ssh: b }`;
    const message = refusal([at(first, "tcp/443"), at(second, "tcp/443", other)], mapped, head);
    expect(message).toContain(`the VPS has no ${other} on eth0, as the provider maps`);
    expect(message).toContain(`Leave it out: there, a site has one public IPv4, ${own}.`);
    const named = parseSite(text([at(first, "tcp/443", own)], head), "home.yaml");
    expect(world({ site: named, vps: { ...mapped, ssh4: undefined } }).design.entrances).toHaveLength(1);
  });

  it("doesn't name what entries without one have found, where overlaps could not be seen", () => {
    const entries = [at(first, "tcp/443"), at(second, "tcp/443", own)];
    const message = refusal(entries);
    expect(message).toContain(`home.yaml:5:60: forward.publicIPv4: ${own} is what the entries without`);
    expect(message).toContain(`or write 'publicIPv4: ${own}' under vps.`);
    expect(refusal(entries, two, `vps: { ssh: a, publicIPv4: ${own} }\nrouter: { ssh: b }`)).toContain(
      '"tcp/443" overlaps "tcp/443"',
    );
    expect(home([at(first, "tcp/443", own), at(second, "tcp/443", other)]).design.entrances).toHaveLength(2);
  });
});

describe("two public IPv4s at home", () => {
  it("lead LAN hosts to their servers, each by a chain of its own", () => {
    const rules = Object.fromEntries(
      nftChains(home(chosen)).map(({ name, rules }) => [name, rules.map((rule) => rule.text)]),
    );
    expect(rules).toEqual({
      ds4_hairpin: [`meta l4proto 1 dnat ip to ${first}`, `tcp dport 443 dnat ip to ${first}`],
      ds4_hairpin_203_0_113_145: [
        `meta l4proto 1 dnat ip to ${second}`,
        `tcp dport 443 dnat ip to ${second}`,
      ],
      ds4_hairpin_in: [
        `iifname "br-lan" ip daddr ${own} jump ds4_hairpin`,
        `iifname "br-lan" ip daddr ${other} jump ds4_hairpin_203_0_113_145`,
      ],
      ds4_hairpin_out: [
        `ct original ip daddr ${own} ip saddr 192.168.1.0/24 ip daddr ${first} masquerade`,
        `ct original ip daddr ${other} ip saddr 192.168.1.0/24 ip daddr ${second} masquerade`,
      ],
    });
  });

  it("let in what a server gets by either, in one rule for each protocol", () => {
    const made = home([at(first, "tcp/443"), at(first, "[tcp/80, udp/53]", other)]);
    expect(inboundRules(made).map(({ name, ports }) => [name, ports])).toEqual([
      [
        "ds4_in_tcp",
        [
          [80, 80],
          [443, 443],
        ],
      ],
      ["ds4_in_udp", [[53, 53]]],
    ]);
    const all = home([at(first, "tcp/443"), at(first, "all", other)]);
    expect(inboundRules(all)).toEqual([{ name: "ds4_in", server: first }]);
    const allTcp = home([at(first, "tcp"), at(first, "tcp/443", other)]);
    expect(inboundRules(allTcp)).toEqual([{ name: "ds4_in_tcp", server: first, protocol: 6 }]);
  });

  it("give a server one way out, that of the entry that says it", () => {
    const entries = [`${at(first, "tcp/443")}, egress: isp`, at(first, "tcp/80", other)];
    const ids = nftChains(home(entries, {}, "hairpin: vps\n")).flatMap(({ rules }) =>
      rules.map(({ id }) => id),
    );
    expect(ids).toEqual(["ds4_reply", "ds4_reply"]);
    expect(rulesOf(entries, "nat DS4-POSTROUTING")).toEqual([]);
  });

  it("are counted by their visitors on a Linux machine, too", () => {
    const head = `vps: { ssh: a }\nhome: { kind: linux, ssh: b }`;
    const site = parseSite(text([at(first, "tcp/443"), at(first, "tcp/443", other)], head), "home.yaml");
    const state = homeChains.desired(homeWorld({ site, vps: two })).get("ipv4");
    expect(state?.["mangle DS4-OUTPUT"]).toEqual([
      `-s ${first}/32 -d 198.18.0.1/32`,
      `-s ${first}/32 -d 198.18.0.2/32`,
    ]);
  });
});

it("as JSON, each has its servers", () => {
  const { site, design } = home([...chosen, at(first, "tcp/25", other)]);
  const listed = listDesign(site, { ...design, entrances: usedEntrances(design.entrances) });
  expect(listed).toMatchObject({
    publicIPv4: own,
    publicIPv4s: [
      { publicIPv4: own, servers: [first] },
      { publicIPv4: other, servers: [second, first] },
    ],
    servers: [first, second],
  });
  expect(waysHome(usedEntrances(design.entrances))).toBe(
    `${own} -> ${first}; ${other} -> ${second}, ${first}`,
  );
});

describe("the proof of two public IPv4s", () => {
  const { site, design } = home([...chosen, at(first, "udp/53", other)]);

  it("is a visitor to each, whose packets are told apart at home", () => {
    expect(
      attempts(design).map(({ entrance, forward, ports }) => [entrance.visitor, forward.server, ports]),
    ).toEqual([
      ["198.18.0.1", first, [443]],
      ["198.18.0.2", second, [443]],
      ["198.18.0.2", first, []],
    ]);
    const { script } = visitorProbe(design);
    for (const line of [
      `route add ${own}/32 dev ds4v1 src 198.18.0.1`,
      `route add ${other}/32 dev ds4v1 src 198.18.0.2`,
      `/dev/tcp/${other}/$p`,
      `answered small ${other}`,
      "match ip dst 198.18.0.2/32 action mirred",
    ])
      expect(script).toContain(line);
    const counters = witnessLines(site, design).join("\n");
    expect(counters).toContain(`ip saddr 198.18.0.2 ip daddr ${second} counter comment`);
    const names = [...counters.matchAll(/comment "([^"]+)"/g)].map(([, name]) => name);
    expect(new Set(names).size).toBe(names.length);
  });

  for (const shell of shells)
    it.skipIf(shell.missing)(`is a script that ${shell.name} understands`, () => {
      expect(runScript(shell, visitorProbe(design).script, "-n")).toEqual({
        stdout: "",
        stderr: "",
        code: 0,
      });
    });
});

describe("a relay of two public IPv4s", () => {
  const server = '"2001:db8:100::210"';
  const site = parseSite(
    text(
      [at(server, "[tcp/443, udp/53]"), at(server, "[tcp/443, udp/53]", other)],
      "mode: relay\nvps: { ssh: a }",
    ),
    "home.yaml",
  );
  const facts = { ...vps, ...two };
  const design = makeRelayDesign(site, facts);
  const relay = { site, vps: facts, design };
  const ids = ["tcp/443", "udp/53", `tcp/443@${other}`, `udp/53@${other}`];

  it("has a unit for each, and those of the first one are called as where there is one alone", () => {
    expect([...units.desired(relay).keys()]).toEqual(ids);
    expect(ids.map(unitName)).toEqual([
      "ds4-relay-tcp-443.service",
      "ds4-relay-udp-53.service",
      `ds4-relay-tcp-443-${other}.service`,
      `ds4-relay-udp-53-${other}.service`,
    ]);
    expect(ids.map((id) => idOf(unitName(id)))).toEqual(ids);
    const printed = [...programs.desired(relay)].map(([id, { command }]) => `${unitName(id)} ${command} \n`);
    expect(printed[2]).toContain(`TCP4-LISTEN:443,bind=${other},`);
    const read = programs.parse({ stdout: printed.join(""), code: 0 }, facts, site);
    expect(read).toEqual(programs.desired(relay));
  });

  it("is let in at each", () => {
    expect(relayChains.desired(relay).get("relay")?.["filter DS4-RELAY"]).toContain(
      `-d ${other}/32 -i eth0 -p tcp -m tcp --dport 443 -j ACCEPT`,
    );
  });

  it("is proved at each, and not by what the other one did", () => {
    const proof = relayProof(design);
    const lines = [
      `direct ${own}:443 open`,
      `direct ${other}:443 open`,
      `relayed ${own}:443 [2001:db8:100::210]:443`,
      `sent ${own}:53 1`,
      `sent ${other}:53 0`,
    ];
    const judged = (some: readonly string[]) =>
      proof
        .judge({ visitor: { stdout: `${some.join("\n")}\n`, code: 0 }, counters: undefined, vendor: "" })
        .proofs.map(({ name, proved }) => [name.replace(/ -> .*/, ""), proved]);
    expect(judged(lines)).toEqual([
      [`answer, ${own}`, true],
      [`datagrams, ${own}`, true],
      [`answer, ${other}`, false],
      [`datagrams, ${other}`, false],
      ["other ports", undefined],
    ]);
    const words = [...proof.visitor.script.matchAll(/match u32 0x(\w+)/g)].map(([, word]) => word);
    expect(words).toHaveLength(2);
    expect(new Set(words).size).toBe(2);
  });
});
