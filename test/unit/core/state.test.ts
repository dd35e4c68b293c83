import { describe, expect, it } from "vitest";
import { changedFields, diff, type Items, same } from "../../../src/core/state.js";

const items = (entries: Record<string, Record<string, string | number | boolean | string[]>>): Items =>
  new Map(Object.entries(entries));

describe("two states", () => {
  it("are the same whatever the order of their fields", () => {
    expect(same({ a: 1, b: ["x"] }, { b: ["x"], a: 1 })).toBe(true);
  });

  it("differ by the order of a list", () => {
    expect(same({ rules: ["x", "y"] }, { rules: ["y", "x"] })).toBe(false);
  });

  it("differ by the type of a value", () => {
    expect(same({ mtu: 1460 }, { mtu: "1460" })).toBe(false);
    expect(same({ up: true }, { up: "true" })).toBe(false);
    expect(same({ list: ["x"] }, { list: "x" })).toBe(false);
  });

  it("differ by a field that only one has", () => {
    expect(same({ a: 1 }, { a: 1, b: "" })).toBe(false);
    expect(same(undefined, {})).toBe(false);
  });
});

describe("diff", () => {
  it("removes first, last made first removed, then makes and mends in the wanted order", () => {
    const actual = items({ old1: { n: 1 }, kept: { n: 1 }, old2: { n: 2 }, other: { n: 1 } });
    const desired = items({ other: { n: 2 }, kept: { n: 1 }, new: { n: 1 } });
    expect(diff(actual, desired)).toEqual([
      { id: "old2", from: { n: 2 } },
      { id: "old1", from: { n: 1 } },
      { id: "other", from: { n: 1 }, to: { n: 2 } },
      { id: "new", from: undefined, to: { n: 1 } },
    ]);
  });
});

describe("changedFields", () => {
  it("names what one side lacks and what differs, and nothing else", () => {
    const change = {
      id: "x",
      from: { same: 1, gone: "a", other: ["a"] },
      to: { same: 1, other: [], new: true },
    };
    expect(changedFields(change)).toEqual(["gone", "other", "new"]);
  });

  it("names every field of a thing that is made or removed", () => {
    expect(changedFields({ id: "x", to: { a: 1, b: 2 } })).toEqual(["a", "b"]);
    expect(changedFields({ id: "x", from: { a: 1 } })).toEqual(["a"]);
  });
});
