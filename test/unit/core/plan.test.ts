import { describe, expect, it } from "vitest";
import { markLine, type PlannedStep, planHost, readMarker, renderPlan } from "../../../src/core/plan.js";
import type { Items, State } from "../../../src/core/state.js";

/** A step whose lines say what it was asked for. */
function step(name: string, last: readonly string[] = []): PlannedStep {
  return {
    name,
    layer: "live",
    render: (changes, context) => {
      for (const line of last) context.finally(line);
      return [`${name} ${changes.map(({ id, to }) => `${to === undefined ? "-" : "+"}${id}`).join(" ")}`];
    },
  };
}

const some: State = { a: 1 };
const items = (...ids: string[]): Items => new Map(ids.map((id) => [id, some]));
const state = (entries: Record<string, Items>) => new Map(Object.entries(entries));
const steps = [step("first"), step("second"), step("third")];

describe("the plan of a host", () => {
  it("takes everything away backwards, before it makes anything in order", () => {
    const actual = state({ first: items("a", "b"), second: items("c"), third: items("d") });
    const desired = state({ first: items("b", "x"), second: items("y"), third: items("z") });
    const { changes } = planHost("vps", steps, actual, desired);
    expect(changes.map(({ step, id, to }) => `${to === undefined ? "-" : "+"}${step}:${id}`)).toEqual([
      "-third:d",
      "-second:c",
      "-first:a",
      "+first:x",
      "+second:y",
      "+third:z",
    ]);
  });

  it("is empty where a step has nothing on either side", () => {
    expect(planHost("router", steps, new Map(), state({ second: new Map() })).changes).toEqual([]);
  });
});

describe("a rendered plan", () => {
  it("hands neighbours of one step over together, but never removals with the rest", () => {
    const actual = state({ first: items("a", "b") });
    const desired = state({ first: items("x", "y"), second: items("z") });
    expect(renderPlan(planHost("vps", steps, actual, desired), steps)).toEqual([
      "first -b -a",
      "first +x +y",
      "second +z",
    ]);
  });

  it("says once, at the end, what several steps want to come last", () => {
    const eager = [step("first", ["reload"]), step("second", ["reload", "sync"])];
    const plan = planHost("vps", eager, new Map(), state({ first: items("a"), second: items("b") }));
    expect(renderPlan(plan, eager)).toEqual(["first +a", "second +b", "reload", "sync"]);
  });

  it("of a step that isn't known is a bug, and no Ds4Error", () => {
    const plan = planHost("vps", steps, new Map(), state({ first: items("a") }));
    expect(() => renderPlan(plan, [])).toThrow("a plan for an unknown step 'first'");
  });
});

describe("a progress marker", () => {
  it.each(["wrap1", "2001:db8::1/128", "/etc/sysupgrade.conf:/etc/ds4/", "network.ds4_tunnel"])(
    "names the item %s",
    (id) => {
      const line = markLine("step", id);
      expect(line).toMatch(/^echo /);
      expect(readMarker(line.slice(5).replaceAll("'", ""))).toEqual({ step: "step", id });
    },
  );

  it.each(["", "ds4 step id", " @ds4 step id", "@ds4", "@ds4 step"])("isn't the line '%s'", (line) => {
    expect(readMarker(line)).toBeUndefined();
  });
});
