import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { Ds4Error, InventoryError } from "../../src/core/errors.js";
import { canonicalIPv4, canonicalIPv6, parsePrefix4 } from "../../src/inventory/addresses.js";
import { parseSite } from "../../src/inventory/load.js";
import { editDistance } from "../../src/inventory/nearest.js";
import type { Site } from "../../src/inventory/site.js";
import { parseTarget } from "../../src/ssh/target.js";

/** A value that some user could put somewhere: near misses as well as noise. */
const anything = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.string(),
  fc.ipV4(),
  fc.ipV4Extended(),
  fc.ipV6(),
  fc.tuple(fc.ipV4(), fc.nat(40)).map(([address, length]) => `${address}/${length}`),
  fc.constantFrom(
    "primary",
    "systemd",
    "__proto__",
    "constructor",
    "toString",
    "<<",
    "root@[::1]:22",
    "ssh://a@b:1/",
  ),
  fc.integer(),
  fc.double(),
  fc.boolean(),
  fc.constant(null),
  fc.array(fc.string(), { maxLength: 2 }),
  fc.dictionary(fc.string(), fc.string(), { maxKeys: 2 }),
);
const base = {
  vps: { ssh: "root@203.0.113.144" },
  router: { ssh: "root@192.168.1.1", lan: "192.168.1.0/24" },
  server: "192.168.1.210",
  tunnel: { mtu: 1460 },
};
const paths = [
  ...["ssh", "uplink", "publicIPv4", "endpoint", "persist"].map((key) => ["vps", key]),
  ...["ssh", "uplink", "endpoint", "zones", "lan"].map((key) => ["router", key]),
  ...["name", "mtu", "table"].map((key) => ["tunnel", key]),
  ["router", "zones", "wan"],
  ...["vps", "router", "server", "egress", "hairpin", "tunnel", "__proto__", "other"].map((key) => [key]),
];

function withValue(path: readonly string[], value: unknown): Record<string, unknown> {
  const copy = structuredClone(base) as Record<string, unknown>;
  let at = copy;
  for (const key of path.slice(0, -1)) {
    at[key] ??= {};
    at = at[key] as Record<string, unknown>;
  }
  Object.defineProperty(at, path.at(-1)!, { value, enumerable: true, writable: true, configurable: true });
  return copy;
}

/** The site, or undefined for an InventoryError with a place inside the text; anything else is thrown on. */
function parse(text: string): Site | undefined {
  try {
    return parseSite(text, "site.yaml");
  } catch (error) {
    if (!(error instanceof InventoryError)) throw error;
    const lines = text.split("\n");
    for (const { line, column, message } of error.problems) {
      expect(line).toBeGreaterThanOrEqual(1);
      expect(line).toBeLessThanOrEqual(lines.length);
      expect(column).toBeGreaterThanOrEqual(1);
      expect(message).not.toBe("");
      expect(message).not.toMatch(/undefined|\[object|NaN/);
    }
    return undefined;
  }
}

describe("any inventory", () => {
  it("with any value in any field is a site or an InventoryError", () => {
    fc.assert(
      fc.property(fc.constantFrom(...paths), anything, (path, value) => {
        const site = parse(stringify(withValue(path, value)));
        if (site === undefined) return;
        // What was accepted is typed and canonical: saying the same again changes nothing.
        const { name: _name, file: _file, forwards, ...again } = site;
        const reread = parse(
          stringify({ ...again, server: forwards[0]?.server, egress: forwards[0]?.egress }),
        );
        expect({ ...reread, forwards: forwards.map((one) => ({ ...one, line: 0 })) }).toEqual({
          ...site,
          forwards: forwards.map((one) => ({ ...one, line: 0 })),
        });
      }),
      { numRuns: 1000 },
    );
  });

  it("of any text at all is a site or an InventoryError", () => {
    const token = fc.constantFrom(
      "vps:",
      "  ssh:",
      "router:",
      "\n",
      "- ",
      "? ",
      ": ",
      "{",
      "}",
      "&a ",
      "*a",
      "!!x ",
      '"',
      "'",
      "|",
      "\t",
      "#",
      "---\n",
      "<<: ",
      "%YAML 3\n",
      "\u0000",
      "\ufeff",
    );
    const text = fc
      .array(fc.oneof(token, fc.string({ unit: "binary", maxLength: 4 })))
      .map((parts) => parts.join(""));
    fc.assert(
      fc.property(text, (document) => {
        parse(document);
      }),
      { numRuns: 1000 },
    );
  });
});

describe("addresses", () => {
  it("have one canonical form", () => {
    for (const [canonical, some] of [
      [canonicalIPv4, fc.oneof(fc.ipV4(), fc.ipV4Extended(), fc.string())],
      [
        canonicalIPv6,
        fc.oneof(
          fc.ipV6(),
          fc.ipV6().map((text) => text.toUpperCase()),
          fc.string(),
        ),
      ],
    ] as const)
      fc.assert(
        fc.property(some, (text) => {
          const once = canonical(text);
          if (once !== undefined) expect(canonical(once)).toBe(once);
        }),
      );
    fc.assert(fc.property(fc.ipV6(), (text) => canonicalIPv6(text) !== undefined));
    fc.assert(fc.property(fc.ipV4(), (text) => canonicalIPv4(text) === text));
  });

  it("of a prefix keep their length", () => {
    fc.assert(
      fc.property(fc.ipV4(), fc.nat(32), (address, length) => {
        expect(parsePrefix4(`${address}/${length}`)).toEqual({ address, length });
      }),
    );
  });
});

describe("a target", () => {
  it("is read or refused with a hint", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: "binary" }), fc.string(), fc.webUrl(), fc.ipV6()), (text) => {
        try {
          const target = parseTarget(text);
          expect(target.host).not.toMatch(/^-|[\s$`'"\\;|&<>(){}]/);
        } catch (error) {
          if (!(error instanceof Ds4Error)) throw error;
          expect(error.hint).toBeDefined();
        }
      }),
      { numRuns: 1000 },
    );
  });
});

it("an edit distance is 0 for equals only, symmetric, and at most the longer length", () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 12 }), fc.string({ maxLength: 12 }), (a, b) => {
      const distance = editDistance(a, b);
      expect(distance === 0).toBe(a === b);
      expect(editDistance(b, a)).toBe(distance);
      expect(distance).toBeLessThanOrEqual(Math.max(a.length, b.length));
    }),
  );
});
