import fc from "fast-check";
import { expect, it } from "vitest";
import { stringify } from "yaml";
import { Ds4Error } from "../../src/core/errors.js";
import { parseSite } from "../../src/inventory/load.js";
import { nftFile } from "../../src/steps/router/nftables.js";
import { lan, loopback, router, routerInterface, wan6, world } from "../unit/world.js";

/** All that a line of the file can be; of words that come from outside, only plain ones stand in quotes. */
const line =
  /^(# Written by ds4 for the site '[^\p{Cc}]+': part of table inet fw4\.|chain ds4_[a-z_]+ \{|\ttype (filter|nat) hook \w+ priority [a-z]+( - 1)?; policy accept;|\t(iifname (!= )?"[A-Za-z0-9_.-]{1,15}" )?[^"{};#]*(map \{ [0-9:, ]+ \})? comment "!fw4: ds4_[a-z0-9_]+"|\}|)$/u;

const word = fc.oneof(
  fc.string({ unit: "binary", maxLength: 15 }),
  fc.string({ maxLength: 15 }),
  fc.constantFrom('x" accept; #', "a\n}", "$(reboot)", "wg0", "br-lan.10"),
);
const port = fc.integer({ min: 1, max: 60000 });
const traffic = fc.oneof(
  fc.constantFrom("all", "icmp", "gre", "47", '"all except udp/53"'),
  port.map((number) => `tcp/${number}`),
  fc
    .tuple(port, port, fc.nat(2000))
    .map(([from, to, more]) => `udp/${from}-${from + more} -> ${to}-${to + more}`),
  word,
);

it("lets nothing into the router's rules but rules, whatever the inventory and the router say", () => {
  let files = 0;
  fc.assert(
    fc.property(
      fc.record({
        name: fc.oneof(fc.constant("my home"), word),
        tunnel: word,
        devices: fc.array(word, { maxLength: 3 }),
        traffic,
      }),
      ({ name, tunnel, devices, traffic }) => {
        const entry = { server: "192.168.1.210", traffic, egress: "isp" };
        const text = { vps: { ssh: "a" }, router: { ssh: "b" }, forward: [entry], tunnel: { name: tunnel } };
        const more = devices.map((device, at) =>
          routerInterface(`net${at}`, { device, ipv4: [{ address: `192.168.${at + 2}.1`, mask: 24 }] }),
        );
        const zone = { name: "lan", networks: ["lan", ...more.map((one) => one.name)], devices: [] };
        for (const changed of [{ tunnel: undefined }, { forward: [{ ...entry, traffic: "all" }] }, {}]) {
          try {
            const site = parseSite(stringify({ ...text, ...changed }), `${name}.yaml`);
            const facts = {
              interfaces: [lan, loopback, wan6, ...more],
              zones: [zone, ...router.zones.slice(1)],
            };
            const lines = nftFile(world({ site, router: facts }))?.split("\n") ?? [];
            for (const one of lines) expect(one).toMatch(line);
            files += lines.length > 0 ? 1 : 0;
          } catch (error) {
            if (!(error instanceof Ds4Error)) throw error;
          }
        }
      },
    ),
    { numRuns: 100 },
  );
  expect(files).toBeGreaterThan(30);
});
