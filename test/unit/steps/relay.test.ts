import { describe, expect, it } from "vitest";
import { HostError } from "../../../src/core/errors.js";
import { renderContext } from "../../../src/core/plan.js";
import type { Change } from "../../../src/core/state.js";
import type { Barrier } from "../../../src/hosts/linux/neighbours.js";
import { makeRelayDesign } from "../../../src/hosts/relay-design.js";
import type { VpsFacts } from "../../../src/hosts/vps/facts.js";
import { parseSite } from "../../../src/inventory/load.js";
import { reloadUnits } from "../../../src/steps/linux/unit.js";
import { programs } from "../../../src/steps/vps/relay/programs.js";
import { chains, firewalld, packages } from "../../../src/steps/vps/relay/shared.js";
import type { RelayWorld } from "../../../src/steps/vps/relay/step.js";
import { unitFile } from "../../../src/steps/vps/relay/unit-file.js";
import { units } from "../../../src/steps/vps/relay/units.js";
import { packages as tunnelPackages } from "../../../src/steps/vps/steps.js";
import { address, link, lo, world as tunnelWorld, vps } from "../world.js";

const inventory = (forward: string) =>
  parseSite(`mode: relay\nvps: { ssh: vps }\nforward:\n  - ${forward}\n`, "home.yaml");
const standard = '{ server: "2001:db8:100::210", traffic: [tcp/443, udp/8000-8001 -> 9000-9001] }';

function relayWorld(more: Partial<VpsFacts> = {}, forward = standard): RelayWorld {
  const [site, facts] = [inventory(forward), { ...vps, ...more }];
  return { site, vps: facts, design: makeRelayDesign(site, facts) };
}
const ok = (stdout: string) => ({ stdout, code: 0 });
const ran: string[] = [];
const context = {
  ...renderContext("", false, []),
  mark: (id: string) => `# ${id}`,
  finally: (line: string) => ran.push(line),
};

describe("what a relay comes to", () => {
  it("is a program for each port, moved ones too, and a note of what it costs", () => {
    const { relays, notes } = relayWorld().design;
    expect(relays.map(({ protocol, port, to }) => `${protocol} ${port} ${to}`)).toEqual([
      "tcp 443 443",
      "udp 8000 9000",
      "udp 8001 9001",
    ]);
    expect(notes[0]).toContain("the home server sees the VPS (2001:db8:1::10) as its client");
  });

  it.each([
    ["no systemd", { systemd: false }, /doesn't run systemd/],
    ["no IPv6 route", { uplink6: undefined }, /no IPv6 default route/],
    [
      "no IPv6 address",
      { links: [lo, link("eth0", { addresses: [address("203.0.113.144/24")] })] },
      /no global IPv6 address on eth0/,
    ],
  ])("is refused on a VPS with %s", (_, more, message) => {
    expect(() => relayWorld(more)).toThrow(HostError);
    expect(() => relayWorld(more)).toThrow(message);
  });

  it("listens on the interface's own address behind a 1:1 NAT", () => {
    const site = parseSite(
      `mode: relay\nvps: { ssh: vps, publicIPv4: 203.0.113.144 }\nforward:\n  - ${standard}\n`,
      "home.yaml",
    );
    const links = [lo, link("eth0", { addresses: [address("10.0.0.4/24"), address("2001:db8:1::10/64")] })];
    const design = makeRelayDesign(site, { ...vps, links, uplink: { name: "eth0", address: "10.0.0.4" } });
    const text = unitFile("home", design.relays[0]!);
    expect(text).toContain("TCP4-LISTEN:443,bind=10.0.0.4,freebind,");
    expect(text).toContain("Description=ds4: relays TCP 203.0.113.144:443 to [2001:db8:100::210]:443\n");
  });
});

describe("the units of a relay", () => {
  const { site, design } = relayWorld();
  const desired = units.desired(relayWorld());

  it("shut the program in", () => {
    const text = unitFile(site.name, design.relays[0]!);
    for (const line of [
      "DynamicUser=yes",
      "AmbientCapabilities=CAP_NET_BIND_SERVICE",
      "CapabilityBoundingSet=CAP_NET_BIND_SERVICE",
      "NoNewPrivileges=yes",
      "ProtectSystem=strict",
      "Restart=always",
    ])
      expect(text.split("\n")).toContain(line);
    for (const limit of ["TasksMax", "MemoryMax", "LimitNOFILE", "RestrictAddressFamilies"])
      expect(text).toMatch(new RegExp(`^${limit}=\\S`, "m"));
    const children = Number(/max-children=(\d+)/.exec(text)?.[1]);
    expect(Number(/^TasksMax=(\d+)$/m.exec(text)?.[1])).toBeGreaterThan(children);
  });

  it("are read back as they are wanted, and a link that leads nowhere, too", () => {
    const folder = "/etc/systemd/system";
    const name = (id: string) => `${folder}/ds4-relay-${id.replace("/", "-")}.service`;
    const printed = (ids: readonly string[]) =>
      ids.map((id) => `-rw-r--r-- 1 0 0 9 Nov 25 08:38 ${name(id)}`).join("\n") +
      ids
        .map(
          (id) =>
            `\nfile ${name(id)}\n|${String(desired.get(id)?.content).trimEnd().replaceAll("\n", "\n|")}`,
        )
        .join("") +
      "\n";
    const enabled = (id: string) =>
      `enabled ${folder}/multi-user.target.wants/ds4-relay-${id.replace("/", "-")}.service\n`;
    const ids = [...desired.keys()];
    const parse = (text: string) => units.parse(ok(text), vps, site);
    expect(parse(ids.map(enabled).join("") + printed(ids))).toEqual(desired);
    expect(parse(printed(ids)).get("tcp/443")).toMatchObject({ enabled: false });
    expect(parse(enabled("tcp/25"))).toEqual(new Map([["tcp/25", { enabled: true }]]));
    expect(parse("")).toEqual(new Map());
  });

  it("are started anew for other limits; for another command that is left to what runs", () => {
    const to = desired.get("tcp/443")!;
    const script = (content: string) =>
      units.render([{ id: "tcp/443", from: { ...to, content }, to }], context).join("\n");
    const text = String(to.content);
    expect(script(text.replace("MemoryMax=256M", "MemoryMax=1G"))).toContain(
      "try-restart ds4-relay-tcp-443.service",
    );
    expect(script(text.replace("/usr/bin/socat", "/bin/sleep"))).not.toContain("try-restart");
    expect(script(text)).not.toContain("try-restart");
    expect(ran).toEqual([]);
  });

  it("go with their links, and systemd forgets them", () => {
    const change: Change = { id: "udp/8000", from: desired.get("udp/8000")! };
    expect(units.render([change], context)).toEqual([
      "# udp/8000",
      "rm -f /etc/systemd/system/multi-user.target.wants/ds4-relay-udp-8000.service",
      "rm -f /etc/systemd/system/ds4-relay-udp-8000.service /etc/systemd/system/ds4-relay-udp-8000.service.ds4-new",
      reloadUnits,
      "systemctl reset-failed ds4-relay-udp-8000.service 2>/dev/null || :",
    ]);
  });
});

describe("the programs of a relay", () => {
  it("are those that run, by their whole command line", () => {
    const { site } = relayWorld();
    const wanted = programs.desired(relayWorld());
    const line = (id: string, command: unknown) => `ds4-relay-${id.replace("/", "-")}.service ${command} \n`;
    const text = [...wanted].map(([id, { command }]) => line(id, command)).join("");
    expect(programs.parse(ok(text), vps, site)).toEqual(wanted);
    expect(programs.parse(ok(line("tcp/443", "/bin/sh -i")), vps, site).get("tcp/443")).toEqual({
      command: "/bin/sh -i",
    });
    expect(programs.parse(ok("\n"), vps, site)).toEqual(new Map());
  });

  it("end and begin with their units, all at once", () => {
    const item = { command: "x" };
    expect(
      programs
        .render(
          [
            { id: "tcp/1", from: item },
            { id: "udp/2", from: item },
          ],
          context,
        )
        .at(-1),
    ).toBe("systemctl stop ds4-relay-tcp-1.service ds4-relay-udp-2.service 2>/dev/null || :");
    expect(programs.render([{ id: "tcp/1", to: item }], context).at(-1)).toBe(
      "systemctl restart ds4-relay-tcp-1.service",
    );
  });

  it("leave the name to socat, which looks it up for each visitor", () => {
    const wanted = programs.desired(relayWorld({}, "{ server: Home.example.org, traffic: [udp/51820] }"));
    expect(wanted.get("udp/51820")?.command).toMatch(
      /^\/usr\/bin\/socat -T\d+ UDP4-LISTEN:51820,bind=203\.0\.113\.144,\S*fork\S* UDP6:home\.example\.org:51820$/,
    );
  });
});

describe("a relay and the VPS's other things", () => {
  it("is let in by its own chain, port by port", () => {
    expect([...chains.desired(relayWorld()).keys()]).toEqual(["relay"]);
    expect(chains.desired(relayWorld()).get("relay")?.["filter DS4-RELAY"]).toEqual([
      "-d 203.0.113.144/32 -i eth0 -p tcp -m tcp --dport 443 -j ACCEPT",
      "-d 203.0.113.144/32 -i eth0 -p udp -m udp --dport 8000 -j ACCEPT",
      "-d 203.0.113.144/32 -i eth0 -p udp -m udp --dport 8001 -j ACCEPT",
    ]);
  });

  const behind = (table: string, ...rules: readonly string[]) => {
    const barrier: Barrier = { table, chain: "input", hook: "input", rules };
    const neighbours = { ...vps.neighbours, barriers: [barrier] };
    return (chains.conflicts?.(relayWorld({ neighbours })) ?? []).map(({ hint }) =>
      hint.split("\n").slice(1),
    );
  };

  it("is refused behind an nftables chain that shuts its ports, with the rules to add", () => {
    const [tcp, udp] = [
      "  nft insert rule inet filter input ip daddr 203.0.113.144 tcp dport '{' 443 '}' accept",
      "  nft insert rule inet filter input ip daddr 203.0.113.144 udp dport '{' 8000, 8001 '}' accept",
    ];
    expect(behind("inet filter", "tcp dport 22 accept")).toEqual([[tcp, udp]]);
    expect(behind("inet filter", "tcp dport { 22, 443 } accept")).toEqual([[udp]]);
    expect(behind("inet filter", "tcp dport 1-1024 accept", "udp dport 8000-8100 counter accept")).toEqual(
      [],
    );
    expect(behind("inet filter", "tcp dport 443 drop", "udp dport { 8000, 8001 } accept")).toEqual([[tcp]]);
    expect(behind("ip6 filter", "tcp dport 22 accept")).toEqual([]);
  });

  it("has its ports in firewalld, where that is", () => {
    const installed = { ...vps.neighbours, firewalld: { installed: true, reload: true } };
    const [[path, state] = []] = [...firewalld.desired(relayWorld({ neighbours: installed }))];
    expect(path).toBe("/etc/firewalld/policies/ds4-in.xml");
    expect(String(state?.content).match(/<port port="\d+" protocol="\w+"\/>/g)).toEqual([
      '<port port="443" protocol="tcp"/>',
      '<port port="8000" protocol="udp"/>',
      '<port port="8001" protocol="udp"/>',
    ]);
    expect(firewalld.desired(relayWorld())).toEqual(new Map());
  });

  it("installs socat where it is missing, and a tunnel takes it away again if ds4 did", () => {
    const names = (facts: Partial<VpsFacts>) => [...packages.desired(relayWorld(facts)).keys()];
    expect(names({})).toEqual(["socat"]);
    expect(names({ socat: true })).toEqual([]);
    expect(names({ socat: true, ownPackages: ["libwrap0", "socat"] })).toEqual(["socat"]);
    expect(names({ iptables: "", conntrack: false })).toEqual(["iptables", "conntrack", "socat"]);
    const inTunnel = tunnelPackages.desired(tunnelWorld({ vps: { ownPackages: ["libwrap0", "socat"] } }));
    expect([...inTunnel.keys()]).toEqual([]);
  });
});
