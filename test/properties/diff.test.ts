import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type HostState, type PlannedStep, planHost } from "../../src/core/plan.js";
import { type Change, changedFields, diff, type Items, type State } from "../../src/core/state.js";

const value = fc.oneof(
  fc.string({ maxLength: 4 }),
  fc.integer(),
  fc.boolean(),
  fc.array(fc.string({ maxLength: 3 }), { maxLength: 3 }),
);
// Few names and ids, so that both sides meet; `__proto__` among them, as names come from hosts.
const name = fc.constantFrom("mtu", "local", ".type", "a b", "__proto__", "constructor");
const state: fc.Arbitrary<State> = fc
  .array(fc.tuple(name, value), { maxLength: 4 })
  .map((entries) => Object.fromEntries(entries));
const id = fc.constantFrom("a", "b", "c", "d", "e", "__proto__", "0");
const items: fc.Arbitrary<Items> = fc
  .uniqueArray(fc.tuple(id, state), { selector: ([key]) => key })
  .map((entries) => new Map(entries));

/** What is there after a change, kept in a plain way: the ids sorted. */
function run(before: Items, changes: readonly Change[]): readonly (readonly [string, State])[] {
  const after = new Map(before);
  for (const { id, from, to } of changes) {
    expect(after.get(id), `${id} is what the change takes it for`).toEqual(from);
    if (to === undefined) after.delete(id);
    else after.set(id, to);
  }
  return sorted(after);
}

const sorted = (all: Items) => [...all].sort(([a], [b]) => (a < b ? -1 : 1));

describe("a diff", () => {
  it("that is carried out gives what was wanted", () => {
    fc.assert(
      fc.property(items, items, (a, b) => {
        expect(run(a, diff(a, b))).toEqual(sorted(b));
      }),
    );
  });

  it("of equals is empty, also where their fields come in another order", () => {
    const turned = (all: Items): Items =>
      new Map([...all].map(([key, fields]) => [key, Object.fromEntries(Object.entries(fields).reverse())]));
    fc.assert(
      fc.property(items, (a) => {
        expect(diff(a, turned(a))).toEqual([]);
      }),
    );
  });

  it("and then the one back is as if nothing had happened", () => {
    fc.assert(
      fc.property(items, items, (a, b) => {
        expect(run(b, diff(b, a))).toEqual(sorted(a));
        // The way back touches what the way there did.
        const ids = (changes: readonly Change[]) => changes.map((change) => change.id).sort();
        expect(ids(diff(b, a))).toEqual(ids(diff(a, b)));
      }),
    );
  });

  it("changes nothing that is as wanted, and names what differs in the rest", () => {
    fc.assert(
      fc.property(items, items, (a, b) => {
        for (const change of diff(a, b)) {
          if (change.from && change.to) expect(changedFields(change)).not.toEqual([]);
          else expect(change.from ?? change.to).toBeDefined();
        }
      }),
    );
  });
});

describe("the plan of a host", () => {
  const steps = ["first", "second", "third"].map(
    (step): PlannedStep => ({ name: step, layer: "live", render: () => [] }),
  );
  const host: fc.Arbitrary<HostState> = fc
    .tuple(items, items, items)
    .map((all) => new Map(steps.map((step, at) => [step.name, all[at] as Items])));

  it("gives every step what is wanted, removals before everything else and backwards", () => {
    fc.assert(
      fc.property(host, host, (a, b) => {
        const { changes } = planHost("vps", steps, a, b);
        for (const { name: of } of steps) {
          const own = changes.filter(({ step }) => step === of);
          expect(run(a.get(of) as Items, own)).toEqual(sorted(b.get(of) as Items));
        }
        const places = changes.map(({ step, to }) => {
          const place = steps.findIndex((candidate) => candidate.name === step);
          return to === undefined ? -place : 10 + place;
        });
        expect(places).toEqual([...places].sort((x, y) => x - y));
      }),
    );
  });
});
