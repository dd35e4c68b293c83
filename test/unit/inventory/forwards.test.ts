import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { InventoryError } from "../../../src/core/errors.js";
import {
  type Flow,
  goesHome,
  overlap,
  portsAtServer,
  readTraffic,
  showFlow,
} from "../../../src/inventory/forwards.js";
import { parseSite } from "../../../src/inventory/load.js";

const forwards = (yaml: string) =>
  parseSite(`vps: {ssh: a}\nrouter: {ssh: b}\nforward:\n${yaml}`, "home.yaml").forwards;

describe("what is forwarded", () => {
  it.each<[string, readonly Flow[]]>([
    ["icmp", [{ protocol: 1 }]],
    ["47", [{ protocol: 47 }]],
    ["GRE", [{ protocol: 47 }]],
    ["tcp", [{ protocol: 6 }]],
    ["tcp/443", [{ protocol: 6, ports: [443, 443] }]],
    ["udp/1-65535", [{ protocol: 17, ports: [1, 65535] }]],
    ["tcp/8000 - 8100", []],
    [
      "tcp+udp/5060",
      [
        { protocol: 6, ports: [5060, 5060] },
        { protocol: 17, ports: [5060, 5060] },
      ],
    ],
    ["tcp/2222 -> 22", [{ protocol: 6, ports: [2222, 2222], to: 22 }]],
    ["tcp/2222->22", [{ protocol: 6, ports: [2222, 2222], to: 22 }]],
    ["udp/8000-8100 -> 9000-9100", [{ protocol: 17, ports: [8000, 8100], to: 9000 }]],
    ["tcp/22 -> 22", [{ protocol: 6, ports: [22, 22] }]],
  ])("reads %s", (text, flows) => {
    if (flows.length === 0) expect(() => readTraffic(text)).toThrow("is nothing that can be forwarded");
    else expect(readTraffic(text)).toEqual({ flows });
  });

  it("reads all, and what is excepted", () => {
    expect(readTraffic("all")).toEqual({ all: { except: [] }, flows: [] });
    expect(readTraffic("All except tcp/22, icmp,tcp+udp/53")).toEqual({
      all: {
        except: [
          { protocol: 6, ports: [22, 22] },
          { protocol: 1 },
          { protocol: 6, ports: [53, 53] },
          { protocol: 17, ports: [53, 53] },
        ],
      },
      flows: [],
    });
  });

  it.each([
    ["tcp/80,22", "Write a list: [tcp/80, tcp/22]."],
    ["udp/22, 25-27,tcp/80", "Write a list: [udp/22, udp/25-27, tcp/80]."],
    ["udp, tcp/53", "Write udp+tcp/53."],
    ["tcp/80,", "Write tcp/80."],
    ["all, tcp/22", "Write all alone: it is all that nobody else gets."],
    ["all except tcp/22, 80", "Write all except tcp/22, tcp/80; another IP protocol by its name."],
    ["all except 80", "Write all except tcp/80; another IP protocol by its name."],
    ["all except ,", 'Write all, or "all except tcp/22" in quotes: in [ ], a comma begins a new entry.'],
    ["all except tcp/22,,udp/53,", "Write all except tcp/22, udp/53."],
    ["all except tcp, tcp/53", "Leave one of the two out."],
    ["gre,47", "Leave one of the two out."],
    ["tcp, tcp/53", "Leave one of the two out."],
    [",", "Write a port, such as tcp/443."],
    ["443/tcp", "Write tcp/443."],
    [
      "tcp/60000-60010 -> 65530",
      "Write a range of the same size that ends at 65535 or before: tcp/60000-60010 -> 65525-65535.",
    ],
  ])("of several in one text, %s, says what is meant", (text, hint) => {
    expect(() => readTraffic(text)).toThrow(expect.objectContaining({ hint }));
  });

  it("is shown as it is written", () => {
    const port = fc.integer({ min: 1, max: 65535 });
    const flow = fc.oneof(
      fc.integer({ min: 1, max: 254 }).map((protocol): Flow => ({ protocol })),
      fc.tuple(fc.constantFrom(6, 17), port, port, port).map(([protocol, a, b, to]): Flow => {
        const ports = [Math.min(a, b), Math.max(a, b)] as const;
        const fits = to !== ports[0] && to + ports[1] - ports[0] <= 65535;
        return { protocol, ports, ...(fits ? { to } : {}) };
      }),
    );
    fc.assert(
      fc.property(flow, (one) => {
        // The one name that is refused, as it means another protocol to most.
        const text = showFlow(one) === "ipip" ? "94" : showFlow(one);
        expect(readTraffic(text)).toEqual({ flows: [one] });
      }),
    );
  });

  it("arrives at the server's own ports", () => {
    expect(portsAtServer({ protocol: 6, ports: [8000, 8100], to: 9000 })).toEqual([9000, 9100]);
    expect(portsAtServer({ protocol: 6, ports: [443, 443] })).toEqual([443, 443]);
    expect(portsAtServer({ protocol: 6 })).toBeUndefined();
  });

  it("overlaps where a packet can be of both", () => {
    const of = (text: string) => readTraffic(text).flows[0] as Flow;
    for (const [a, b, both] of [
      ["tcp/443", "tcp/443", true],
      ["tcp/443", "udp/443", false],
      ["tcp/1-10", "tcp/10-20", true],
      ["tcp/1-9", "tcp/10-20", false],
      ["tcp", "tcp/10", true],
      ["gre", "47", true],
    ] as const) {
      expect(overlap(of(a), of(b)), `${a} ${b}`).toBe(both);
      expect(overlap(of(b), of(a)), `${b} ${a}`).toBe(both);
    }
  });
});

describe("a list of servers", () => {
  it("keeps for each what goes there, and its line", () => {
    const list = forwards(`  - server: 192.168.1.210
    traffic: [tcp/443, gre]
    egress: isp
  - { server: 192.168.1.211, traffic: all }
`);
    expect(list).toEqual([
      {
        server: "192.168.1.210",
        egress: "isp",
        line: 4,
        flows: [{ protocol: 6, ports: [443, 443] }, { protocol: 47 }],
      },
      { server: "192.168.1.211", egress: "vps", line: 7, all: { except: [] }, flows: [] },
    ]);
  });

  it("may have all beside ports of another server, and beside moved ports of the same", () => {
    const list = forwards(`  - { server: 192.168.1.210, traffic: [all, tcp/2222 -> 22] }
  - { server: 192.168.1.211, traffic: tcp/25 }
`);
    expect(list).toHaveLength(2);
  });

  it("says of each port whether it goes home", () => {
    const list = forwards(`  - server: 192.168.1.210
    traffic: all except tcp/8443, tcp/25
  - { server: 192.168.1.211, traffic: tcp/25 }
`);
    expect([22, 25, 8443].map((port) => goesHome(list, 6, port))).toEqual([true, true, false]);
    expect(goesHome(list, 17, 8443)).toBe(true);
    expect(goesHome(list.slice(1), 6, 22)).toBe(false);
  });
});

describe("a lone number beside ports", () => {
  it.each([
    ["[tcp/80, 22]", "Write tcp/22, or xns-idp for the IP protocol."],
    ["[80, udp/53]", "Write udp/80."],
    ["[tcp/80, 8000-8100]", "Write tcp/8000-8100."],
  ])("is refused: %s", (list, hint) => {
    expect(() => forwards(`  - { server: 192.168.1.210, traffic: ${list} }`)).toThrow(
      expect.objectContaining({ problems: [expect.objectContaining({ line: 4, hint })] }),
    );
  });

  it("is an IP protocol without them", () => {
    expect(forwards("  - { server: 192.168.1.210, traffic: [gre, 50] }")[0]?.flows).toEqual([
      { protocol: 47 },
      { protocol: 50 },
    ]);
  });
});

/** What a hint proposes, as the value that it would be in the file. */
function proposals(hint: string): readonly string[] {
  const written =
    /^(?:Write|Did you mean)(?: a (?:list|range)[^:]*:)? ([^.:;?]+)/
      .exec(hint)?.[1]
      ?.replace(/ (for|in|alone).*|"/g, "") ?? "";
  if (/^$|another|^(a|its|text|what|which|ports|one|it|two)\b/.test(written) || /^\d+-\d+$/.test(written))
    return [];
  return written.startsWith("[") ? [written] : written.split(/(?<!except .*), or /).map((one) => `"${one}"`);
}

it.each(["tunnel", "relay"])("in mode %s, what is proposed is accepted", (mode) => {
  const server = mode === "relay" ? "nas.example.org" : "192.168.1.210";
  const read = (traffic: string) =>
    parseSite(
      `mode: ${mode}\nvps: {ssh: a}\nrouter: {ssh: b}\nforward:\n  - {server: ${server}, traffic: ${traffic}}`,
      "home.yaml",
    );
  const part = fc.constantFrom(
    ...[
      "tcp/80",
      "22",
      "47",
      "gre",
      "icmp",
      "udp/53",
      "all",
      "tpc/443",
      "icnp",
      "443/tcp",
      "1/80",
      "8000-8010",
    ],
    ...["tcp/60000-60010 -> 65530", "tcp/1-3 -> 9", "gre/80", "all except", "all except 80", "", "tcp"],
  );
  const parts = fc.array(part, { minLength: 1, maxLength: 3 });
  fc.assert(
    fc.property(parts, fc.boolean(), (some, list) => {
      const text = list ? `[${some.map((one) => `"${one}"`).join(", ")}]` : `"${some.join(", ")}"`;
      try {
        read(text);
      } catch (error) {
        for (const { message, hint = "" } of (error as InventoryError).problems) {
          if (mode === "relay" && message.startsWith("forward.traffic"))
            expect(hint).not.toMatch(/(Write|mean).*(icmp|gre|all)/);
          // Of several, each may have something else that is wrong.
          if (some.length === 1) for (const one of proposals(hint)) read(one);
        }
      }
    }),
  );
});
