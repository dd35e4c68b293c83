import { describe, expect, it } from "vitest";
import type { State } from "../../../src/core/state.js";
import type { Service } from "../../../src/hosts/linux/neighbours.js";
import type { RouterFacts } from "../../../src/hosts/router/facts.js";
import { parseUciExport } from "../../../src/hosts/router/uci.js";
import { parseSite } from "../../../src/inventory/load.js";
import { forgetMoved } from "../../../src/steps/linux/conntrack.js";
import { firewall } from "../../../src/steps/router/firewall.js";
import { rules } from "../../../src/steps/router/rules.js";
import { uci } from "../../../src/steps/router/uci.js";
import { chains } from "../../../src/steps/vps/chains.js";
import { routes } from "../../../src/steps/vps/routes.js";
import { runScript, shells, title } from "../../shells.js";
import { recordedFile } from "../recorded.js";
import { router, vps, world } from "../world.js";

const [first, second] = ["192.168.1.210", "192.168.1.211"];

/** The usual home, with this in its inventory; a line for each server. */
function home(entries: Readonly<Record<string, string>>, more: Parameters<typeof world>[0] = {}) {
  const list = Object.entries(entries).map(
    ([server, traffic]) => `  - { server: ${server}, traffic: ${traffic} }\n`,
  );
  const text = `vps: { ssh: a }\nrouter: { ssh: b }\nforward:\n${list.join("")}`;
  return world({ ...more, site: parseSite(text, "inventory/home.yaml") });
}
const rulesOf = (state: State | undefined, chain: string) => state?.[chain] as readonly string[];
const natOf = (entries: Readonly<Record<string, string>>) =>
  rulesOf(chains.desired(home(entries)).get("ipv4"), "nat DS4-PREROUTING");

describe("the DNAT rules of a VPS", () => {
  const match = "-d 203.0.113.144/32 -i eth0";

  it("are for chosen ports and protocols alone, where nobody has the rest", () => {
    expect(
      natOf({ [first]: "[tcp/443, icmp, gre, tcp/2222 -> 22, udp/8000-8100, tcp/1000-1009 -> 2000-2009]" }),
    ).toEqual([
      `${match} -p tcp -m tcp --dport 443 -j DNAT --to-destination ${first}`,
      `${match} -p icmp -j DNAT --to-destination ${first}`,
      `${match} -p 47 -j DNAT --to-destination ${first}`,
      `${match} -p tcp -m tcp --dport 2222 -j DNAT --to-destination ${first}:22`,
      `${match} -p udp -m udp --dport 8000:8100 -j DNAT --to-destination ${first}`,
      `${match} -p tcp -m tcp --dport 1000:1009 -j DNAT --to-destination ${first}:2000-2009/1000`,
    ]);
  });

  it("have SSH's port first, then what is chosen, then what is excepted, and all last", () => {
    expect(natOf({ [first]: '"all except tcp/8443, icmp"', [second]: "tcp/443" })).toEqual([
      `${match} -p tcp -m tcp --dport 22 -j RETURN`,
      `${match} -p tcp -m tcp --dport 443 -j DNAT --to-destination ${second}`,
      `${match} -p tcp -m tcp --dport 8443 -m comment --comment except -j RETURN`,
      `${match} -p icmp -m comment --comment except -j RETURN`,
      `${match} -j DNAT --to-destination ${first}`,
    ]);
  });

  it("read back as they are wanted, from iptables that know protocols by their names or don't", () => {
    const wanted = home({ [first]: "[gre, sctp, icmp]" });
    const state = chains.desired(wanted).get("ipv4");
    const printed = (text: (rule: string) => string) =>
      [
        "@ ipv4\n*nat\n:DS4-PREROUTING - [0:0]\n-A PREROUTING -j DS4-PREROUTING",
        ...rulesOf(state, "nat DS4-PREROUTING").map((rule) => `-A DS4-PREROUTING ${text(rule)}`),
        "COMMIT\n",
      ].join("\n");
    const names = (rule: string) => rule.replace(" -p 47 ", " -p gre ").replace(" -p 132 ", " -p sctp ");
    for (const text of [names, (rule: string) => rule]) {
      const read = chains.parse({ stdout: printed(text), code: 0 }, { ...vps, marked: true }, wanted.site);
      expect(rulesOf(read.get("ipv4"), "nat DS4-PREROUTING")).toEqual(rulesOf(state, "nat DS4-PREROUTING"));
    }
  });
});

describe("several servers on a VPS", () => {
  const state = chains.desired(home({ [first]: "all", [second]: "tcp/443" })).get("ipv4");

  it("may send out of the tunnel, and nobody else", () => {
    expect(state?.["mangle DS4-PREROUTING"]).toEqual([
      `-s ${first}/32 -i wrap1 -j RETURN`,
      `-s ${second}/32 -i wrap1 -j RETURN`,
      "-i wrap1 -j DROP",
    ]);
    expect(rulesOf(state, "filter DS4-FORWARD").slice(-2)).toEqual(["-i wrap1 -j DROP", "-o wrap1 -j DROP"]);
  });

  it("have a route each, and one behind it", () => {
    expect([...routes.desired(home({ [first]: "all", [second]: "tcp/443" })).keys()]).toEqual([
      first,
      `${first}/unreachable`,
      second,
      `${second}/unreachable`,
    ]);
  });
});

describe("a port that the VPS itself has", () => {
  const refused = (traffic: string, services: readonly Service[], more = {}) =>
    (
      chains.conflicts?.(
        home({ [first]: traffic }, { vps: { neighbours: { ...vps.neighbours, services }, ...more } }),
      ) ?? []
    ).map(({ message }) => message);
  const nginx = { protocol: "tcp", address: "any", port: 443, program: "nginx" };

  it("is refused with its program and the entry, where it was asked for by name", () => {
    expect(refused("[icmp, tcp/400-500 -> 1400-1500]", [nginx])).toEqual([
      "nginx on the VPS listens on tcp/443, which 'tcp/400-500 -> 1400-1500' asks for (inventory/home.yaml:4)",
    ]);
    expect(refused("tcp/443", [{ ...nginx, address: "203.0.113.144" }])).toHaveLength(1);
  });

  it("isn't, where that is another address or protocol, or all is asked for", () => {
    expect(refused("tcp/443", [{ ...nginx, address: "10.0.0.1" }])).toEqual([]);
    expect(refused("udp/443", [nginx])).toEqual([]);
    expect(refused("all", [nginx])).toEqual([]);
    expect(refused("tcp", [nginx])).toEqual([]);
  });

  it("is SSH's too, also where no socket was seen", () => {
    expect(refused("tcp/2222", [], { ssh4: { address: "203.0.113.144", port: 2222 } })).toEqual([
      "the SSH server on the VPS listens on tcp/2222, which 'tcp/2222' asks for (inventory/home.yaml:4)",
    ]);
  });

  it("is a note for what goes home unnamed, and none for what stays", () => {
    const notes = (traffic: string) =>
      home({ [first]: traffic }, { vps: { neighbours: { ...vps.neighbours, services: [nginx] } } }).design
        .notes;
    expect(notes("all").join()).toContain("TCP 443 (nginx)");
    expect(notes('"all except tcp/443"').join()).not.toContain("nginx");
    expect(notes("tcp/80")).toEqual([]);
  });
});

describe("the connections of forwards that are no more", () => {
  const entry = (port: number, server: string, at = port, protocol = "tcp      6") =>
    `${protocol} 99 src=198.51.100.220 dst=203.0.113.144 sport=1 dport=${port} src=${server} dst=198.51.100.220 sport=${at} dport=1 [ASSURED] mark=0 use=1`;
  const all = [
    entry(443, first),
    entry(25, first),
    entry(2222, first, 22),
    entry(51820, first, 51820, "udp      17"),
    "unknown  47 99 src=198.51.100.220 dst=203.0.113.144 src=192.168.1.210 dst=198.51.100.220 mark=0 use=1",
    entry(8080, "172.17.0.2", 80),
    `tcp      6 99 src=203.0.113.144 dst=${first} sport=1 dport=25 src=${first} dst=203.0.113.144 sport=25 dport=1 mark=0 use=1`,
  ].join("\n");
  /** What `conntrack -D` is asked to delete, by the shell and awk that are here. */
  const deleted = (shell: (typeof shells)[number], from: readonly string[], to: readonly string[]) => {
    const fake = `conntrack() { if [ "$1" = -L ]; then cat <<'E'\n${all}\nE\nelse echo "$*" >&3; fi; }`;
    const { stdout, stderr } = runScript(shell, ["exec 3>&1", fake, ...forgetMoved(from, to)].join("\n"));
    expect(stderr).toBe("");
    return stdout
      .trim()
      .split("\n")
      .map((line) =>
        line
          .replace("-D -p ", "")
          .replace("-s 198.51.100.220 -d 203.0.113.144", "")
          .replace(/\s+/g, " ")
          .trim(),
      );
  };

  for (const shell of shells) {
    it.skipIf(shell.missing)(title(shell, "are deleted, and those of others stay"), () => {
      expect(
        deleted(shell, natOf({ [first]: "all" }), natOf({ [first]: "[tcp/443, tcp/2222 -> 22]" })),
      ).toEqual(["6 --sport 1 --dport 25", "17 --sport 1 --dport 51820", "47"]);
      expect(
        deleted(
          shell,
          natOf({ [first]: "all" }),
          natOf({ [first]: '"all except tcp/25"', [second]: "[udp/51820, tcp/2222 -> 22]" }),
        ),
      ).toEqual(["6 --sport 1 --dport 25", "6 --sport 1 --dport 2222", "17 --sport 1 --dport 51820"]);
    });
  }

  it("are all of a server's that is no more, and none where nothing has changed", () => {
    expect(forgetMoved(natOf({ [first]: "all" }), natOf({ [second]: "all" })).join("\n")).toMatch(
      /conntrack -D -r 192\.168\.1\.210 .*\n.*conntrack -D -s 192\.168\.1\.210 /,
    );
    const one = natOf({ [first]: "all" });
    expect(forgetMoved(one, one)).toEqual([]);
    expect(forgetMoved(one, one.slice(1))).toEqual([]);
  });
});

describe("several servers on a router", () => {
  const both = { [first]: "all", [second]: "[tcp/443, tcp/440-442, tcp/2222 -> 22, udp/53, gre]" };
  const set = (src: string, suffix: string) =>
    `config rule 'ds4_rule_main${suffix}'\n\toption src '${src}/32'\n`;
  const network = (text: string): Partial<RouterFacts> => ({ network: parseUciExport(text) });

  it("have numbers in the order of the list, which they keep", () => {
    expect([...home(both).design.slots]).toEqual([
      [first, 0],
      [second, 1],
    ]);
    const there = { router: network(set(first, "") + set(second, "_2")) };
    expect([...home({ [second]: "all" }, there).design.slots]).toEqual([[second, 1]]);
    const slots = home({ "192.168.1.9": "icmp", [second]: "all" }, there).design.slots;
    expect(Object.fromEntries(slots)).toEqual({ "192.168.1.9": 0, [second]: 1 });
  });

  it("have a pair of rules each", () => {
    expect(Object.fromEntries(rules.desired(home(both)))).toEqual({
      4200: { rule: `from ${first} lookup main suppress_prefixlength 0` },
      4201: { rule: `from ${first} lookup 42` },
      4202: { rule: `from ${second} lookup main suppress_prefixlength 0` },
      4203: { rule: `from ${second} lookup 42` },
    });
  });

  it("leave alone what somebody has behind the first one's rules, unless it is in the way", () => {
    const text = `4200:\tfrom ${first} lookup 42\n4202:\tfrom all lookup 142\n4203:\tfrom ${second} lookup 42\n4204:\tfrom ${second} to 10.9.9.9 lookup 142\n`;
    const marked = { ...router, marked: true, rules: text };
    const read = rules.parse({ stdout: text, code: 0 }, marked, home(both).site);
    expect([...read.keys()]).toEqual(["4200", "4203"]);
    const conflicts = (entries: Readonly<Record<string, string>>) =>
      (rules.conflicts?.({ ...home(entries), router: marked }) ?? []).map(({ message }) => message);
    expect(conflicts({ [first]: "all" })).toEqual([]);
    expect(conflicts(both)).toEqual([
      "somebody has the routing rule '4202: from all lookup 142' on the router",
    ]);
  });

  it("let in what was asked for, at the server's own ports", () => {
    const sections = uci.desired(home(both));
    expect([...sections.keys()].filter((id) => /ds4_(in|out)(_|$)/.test(id))).toEqual([
      "firewall.ds4_in",
      "firewall.ds4_in_2_tcp",
      "firewall.ds4_in_2_udp",
      "firewall.ds4_in_2_47",
      "firewall.ds4_out",
      "firewall.ds4_out_2",
    ]);
    expect(sections.get("firewall.ds4_in")).not.toHaveProperty("dest_port");
    expect(sections.get("firewall.ds4_in_2_tcp")).toMatchObject({
      dest_ip: second,
      proto: "tcp",
      dest_port: ["22", "440-443"],
    });
    expect(sections.get("firewall.ds4_in_2_47")).toMatchObject({ dest_ip: second, proto: "47" });
    expect(sections.get("firewall.ds4_in_2_47")).not.toHaveProperty("dest_port");
  });

  it("are let in by rules that read back as nft lists them", () => {
    const wanted = home(both);
    const lines = Object.entries({
      ds4_in_2_tcp: "tcp dport { 22, 440-443 } ",
      ds4_in_2_udp: "udp dport 53 ",
    }).map(([name, ports]) => ["", ports, name]);
    lines.push(["meta l4proto gre ", "", "ds4_in_2_47"]);
    const [, bogons = ""] =
      /ip saddr != (\{[^}]*\})/.exec(JSON.stringify([...firewall.desired(wanted)])) ?? [];
    const text = recordedFile("firewall.with-ds4.listed.nft").replace(
      /^(\s+)ip daddr .*"!fw4: ds4_in"$/m,
      lines
        .map(
          ([before, ports, name]) =>
            `$1${before}ip saddr != ${bogons} ip daddr ${second} ${ports}counter packets 1 bytes 60 jump accept_to_lan comment "!fw4: ${name}"`,
        )
        .join("\n"),
    );
    const read = firewall.parse({ stdout: text, code: 0 }, router, wanted.site);
    for (const [, , name = ""] of lines) {
      expect(read.get(name), name).toEqual(firewall.desired(wanted).get(name));
    }
  });
});
