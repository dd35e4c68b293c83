import { describe, expect, it } from "vitest";
import { keyOf } from "../../../src/hosts/entrances.js";
import { parseSite } from "../../../src/inventory/load.js";
import { atRouter } from "../../../src/proof/at-home.js";
import { attempts } from "../../../src/proof/attempts.js";
import { routerConnections } from "../../../src/proof/connections.js";
import { judgePath, type PathSeen } from "../../../src/proof/judge.js";
import { readWitness, witnessLines } from "../../../src/proof/router-witness.js";
import { readVisitor, visitorProbe } from "../../../src/proof/visitor.js";
import { router, world } from "../world.js";

const [first, second] = ["192.168.1.210", "192.168.1.211"];
const publicIPv4 = "203.0.113.144";
const wayTo = (server: string) => keyOf({ visitor: "198.18.0.1", server });

/** The usual home, with this in its inventory; a line for each server. */
function home(entries: Readonly<Record<string, string>>) {
  const list = Object.entries(entries).map(
    ([server, traffic]) => `  - { server: ${server}, traffic: ${traffic} }\n`,
  );
  return world({
    site: parseSite(`vps: { ssh: a }\nrouter: { ssh: b }\nforward:\n${list.join("")}`, "home.yaml"),
  });
}
const tries = (entries: Readonly<Record<string, string>>) => {
  const { design } = home(entries);
  return attempts(design).map(({ ping, ports }) => [ping, ...ports]);
};

/** What is seen where everything arrives and is answered, but for what is said. */
function seen({
  ping = true,
  tcp = [] as readonly number[],
  silent = [] as readonly string[],
} = {}): Omit<PathSeen, "words"> {
  const packets = (server: string) => (silent.includes(server) ? 0 : 3);
  const each = <T>(name: (server: string) => string, of: (count: number) => T) =>
    new Map([first, second].map((server) => [name(server), of(packets(server))]));
  const pinged = new Set(ping ? [publicIPv4] : []);
  return {
    visitor: {
      missing: "",
      small: pinged,
      full: pinged,
      tcp: tcp.map((port) => ({ address: publicIPv4, port, answer: "open" })),
      underlay: true,
      servers: each(String, (count) => ({ to: count, from: count })),
      outer: 9,
    },
    witness: {
      outer_in: 9,
      options_in: 0,
      outer_out: 9,
      ways: each(wayTo, (count) => ({ inner_in: count, to_server: count, answer: count })),
    },
    vendor: "QEMU",
    ownLocal: true,
  };
}
const judge = (entries: Readonly<Record<string, string>>, what: ReturnType<typeof seen>) => {
  const { site, design } = home(entries);
  return judgePath(site, design, { ...what, words: atRouter(site, design).words });
};
const proved = (entries: Readonly<Record<string, string>>, what: ReturnType<typeof seen>) =>
  Object.fromEntries(judge(entries, what).map(({ name, proved }) => [name, proved]));

describe("what a visitor tries", () => {
  it("is what goes to each server, and never what the VPS would answer itself", () => {
    expect(tries({ [first]: "all" })).toEqual([[true, 443, 80]]);
    expect(tries({ [first]: '"all except icmp, tcp/80"' })).toEqual([[false, 443]]);
    expect(tries({ [first]: "[tcp/8000-8100, tcp/2222 -> 22]" })).toEqual([[false, 8000, 2222]]);
    expect(tries({ [first]: "all", [second]: "[icmp, tcp/443]" })).toEqual([
      [false, 80],
      [true, 443],
    ]);
    expect(tries({ [first]: "[udp/53, gre]", [second]: "tcp" })).toEqual([[false], [false, 443, 80]]);
  });

  it("is in its script, with a ping only where that goes home", () => {
    const script = (entries: Readonly<Record<string, string>>) => {
      const { design } = home(entries);
      return visitorProbe(design).script;
    };
    expect(script({ [first]: "all" })).toContain("answered small");
    expect(script({ [first]: "tcp/25", [second]: "tcp/80" })).not.toContain("answered small");
    expect(script({ [first]: "tcp/25", [second]: "tcp/80" })).toContain("for p in 25 80; do");
  });
});

describe("what is proved", () => {
  const both = { [first]: "all", [second]: "tcp/25" };

  it("is so for each server", () => {
    expect(proved(both, seen({ tcp: [443, 25] }))).toEqual({
      tunnel: true,
      "full size": true,
      [`arrival, ${first}`]: true,
      [`answer, ${first}`]: true,
      [`arrival, ${second}`]: true,
      [`answer, ${second}`]: true,
    });
  });

  it("isn't by another server's answer", () => {
    const proofs = judge(both, seen({ tcp: [443], silent: [second] }));
    expect(proofs.find(({ name }) => name === `answer, ${first}`)?.proved).toBe(true);
    for (const what of ["arrival", "answer"]) {
      expect(proofs.find(({ name }) => name === `${what}, ${second}`)).toMatchObject({ proved: false });
    }
    const asked = judge(both, {
      ...seen({ tcp: [443] }),
      witness: {
        ...seen().witness,
        ways: new Map([[wayTo(second), { inner_in: 1, to_server: 1, answer: 0 }]]),
      },
    });
    expect(asked.find(({ name }) => name === `answer, ${second}`)?.hint).toContain(
      `${second} itself did not answer TCP 25`,
    );
  });

  it("is that UDP arrives, where there is nothing else to try", () => {
    const udp = { [first]: "[udp/51820, udp/53]" };
    const { design } = home(udp);
    expect(visitorProbe(design).script).toContain("for p in 51820 53; do ip netns exec ds4-visitor bash");
    const there = seen({ ping: false });
    const oneWay = {
      ...there,
      visitor: { ...there.visitor, outer: 0 },
      witness: { ...there.witness, outer_out: 0 },
    };
    expect(proved(udp, oneWay)).toEqual({
      tunnel: true,
      "full size": undefined,
      arrival: true,
      answer: undefined,
      "other traffic": undefined,
    });
    const lost = { ...oneWay, witness: { ...oneWay.witness, outer_in: 0, ways: new Map() } };
    expect(proved(udp, lost)).toMatchObject({ tunnel: false, arrival: false });
    // Where something has to answer, one way isn't enough.
    expect(proved({ [first]: "[udp/53, tcp/25]" }, oneWay)).toMatchObject({ tunnel: false, answer: false });
  });

  it("is not known where nothing can be tried, and what was not answered is named", () => {
    expect(judge({ [first]: "[udp, gre]" }, seen({ ping: false, silent: [first] }))).toEqual([
      {
        name: "tunnel",
        proved: undefined,
        seen: "nothing that is forwarded can be tried by ping, TCP or UDP",
      },
      { name: "full size", proved: undefined, seen: "no ping is forwarded" },
      {
        name: "arrival",
        proved: undefined,
        seen: `nothing that goes to ${first} can be tried by ping, TCP or UDP`,
      },
      {
        name: "other traffic",
        proved: undefined,
        seen: `set up, and no answer was seen: udp to ${first}, gre to ${first}`,
      },
    ]);
    const some = judge({ [first]: "[icmp, tcp/25, tcp/80-90]", [second]: "udp/53" }, seen({ tcp: [80] }));
    expect(some.at(-1)?.seen).toBe(`set up, and no answer was seen: tcp/25 to ${first}, udp/53 to ${second}`);
  });
});

describe("the counters", () => {
  const { site, design } = home({ [first]: "all", [second]: "tcp/25" });

  it("are each server's own on the router", () => {
    const text = witnessLines(site, design).join("\n");
    const counted = (packets: number) => (line: string) =>
      line.replace(" counter comment ", ` counter packets ${packets} bytes 60 comment `);
    const listed = text
      .split("\n")
      .map((line, at) => counted(at)(line))
      .join("\n");
    const { ways } = readWitness({ stdout: listed, code: 0 }, design);
    const all = [first, second].flatMap((server) => Object.values(ways.get(wayTo(server)) ?? {}));
    expect(new Set(all).size).toBe(6);
    expect(Math.min(...all)).toBeGreaterThan(0);
  });

  it("are each server's own on the VPS", () => {
    const saved = (count: number) =>
      `[${count}:60] -A DS4-FORWARD -d ${second}/32 -i eth0 -o wrap1 -m conntrack --ctstate DNAT -j ACCEPT\n`;
    const stdout = `counters before\n${saved(1)}counters after\n${saved(4)}`;
    const { servers } = readVisitor({ stdout, code: 0 }, site, design);
    expect(servers.get(second)).toEqual({ to: 3, from: 0 });
    expect(servers.get(first)).toEqual({ to: 0, from: 0 });
  });
});

it("the way out of a LAN host is watched that is none of the servers, nor was one", () => {
  const others = (servers: readonly string[], before: readonly string[]) => {
    const { site } = home(Object.fromEntries(servers.map((server, at) => [server, `tcp/${25 + at}`])));
    const tunnel = {
      ...{
        name: "wrap1",
        local: "2001:db8:1::7",
        atHome: "router" as const,
        ownLocal: true,
        remote: "2001:db8:100::7",
      },
      ...{ servers: before, mtu: 1460, table: 42 },
    };
    const owned = { site: "home", tunnel };
    const facts = { ...router, owned: before.length === 0 ? undefined : owned };
    const { script } = routerConnections(site, facts, { publicIPv4: "203.0.113.144" });
    return /way out of ([\d.]+)/.exec(script)?.[1];
  };
  const other = (...servers: readonly string[]) => others(servers, []);
  expect(others(["192.168.1.211"], ["192.168.1.210", "192.168.1.211"])).toBe("192.168.1.209");
  expect(other("192.168.1.210")).toBe("192.168.1.209");
  expect(other("192.168.1.210", "192.168.1.209")).toBe("192.168.1.208");
  expect(other("192.168.1.3", "192.168.1.2")).toBe("192.168.1.1");
});
