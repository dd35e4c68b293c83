import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { InventoryError } from "../../src/core/errors.js";
import { makeRelayDesign, unitName } from "../../src/hosts/relay-design.js";
import { parseSite } from "../../src/inventory/load.js";
import { relaysOf } from "../../src/inventory/relays.js";
import type { Site } from "../../src/inventory/site.js";
import { unitFile } from "../../src/steps/vps/relay/unit-file.js";
import { vps } from "../unit/world.js";

const text = (server: string, traffic: readonly string[]) =>
  `mode: relay\nvps: { ssh: vps }\nforward: [{ server: ${JSON.stringify(server)}, traffic: ${JSON.stringify(traffic)} }]\n`;

function parse(server: string, traffic: readonly string[]): Site | undefined {
  try {
    return parseSite(text(server, traffic), "home.yaml");
  } catch (error) {
    if (error instanceof InventoryError) return undefined;
    throw error;
  }
}

const port = fc.integer({ min: 1, max: 60_000 });
const flow = fc
  .record({
    protocol: fc.constantFrom("tcp", "udp", "tcp+udp"),
    first: port,
    more: fc.nat(70),
    to: fc.option(port),
  })
  .map(({ protocol, first, more, to }) => {
    const range = (from: number) => (more === 0 ? `${from}` : `${from}-${from + more}`);
    return {
      text: `${protocol}/${range(first)}${to === null ? "" : ` -> ${range(to)}`}`,
      protocols: protocol.split("+").length,
      first,
      more,
      to: to ?? first,
    };
  });

describe("any list of a relay", () => {
  it("is one program for each of its ports, each once, or is refused", () => {
    fc.assert(
      fc.property(fc.array(flow, { minLength: 1, maxLength: 3 }), (flows) => {
        const site = parse(
          "2001:db8:100::210",
          flows.map((one) => one.text),
        );
        const count = flows.reduce((sum, { protocols, more }) => sum + protocols * (more + 1), 0);
        if (site === undefined) return;
        const relays = relaysOf(site.forwards);
        expect(relays).toHaveLength(count);
        expect(count).toBeLessThanOrEqual(64);
        expect(new Set(relays.map((relay) => unitName(`${relay.protocol}/${relay.port}`))).size).toBe(count);
        for (const { first, more, to } of flows)
          expect(relays).toContainEqual(expect.objectContaining({ port: first + more, to: to + more }));
      }),
      { numRuns: 300 },
    );
  });

  it("to any server that is taken makes a unit whose command is one line of three words without a meaning of their own", () => {
    const name = fc.stringMatching(/^[a-zA-Z0-9_.:%$@\\ -]{1,40}$/);
    fc.assert(
      fc.property(fc.oneof(name, fc.domain(), fc.ipV6(), fc.string()), (server) => {
        const site = parse(server, ["tcp/443"]);
        if (site === undefined) return;
        const design = makeRelayDesign(site, vps);
        const [relay] = design.relays;
        if (relay === undefined) return expect.unreachable("no relay");
        const lines = unitFile("home", relay).split("\n");
        const command = lines.filter((line) => line.startsWith("ExecStart="));
        expect(command).toHaveLength(1);
        expect(command[0]).toMatch(
          /^ExecStart=\/usr\/bin\/socat -t300 [A-Za-z0-9:.,=-]+ TCP6:[a-z0-9_.:[\]-]+:443,[a-z0-9,=-]+$/,
        );
      }),
      { numRuns: 500 },
    );
  });
});
