import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { listChanges, listDesign } from "../../../src/commands/run.js";
import { nothing, planSite } from "../../../src/converge/plan-site.js";
import { ConnectError, Ds4Error, InventoryError } from "../../../src/core/errors.js";
import type { HostState } from "../../../src/core/plan.js";
import type { Items } from "../../../src/core/state.js";
import { parseSite } from "../../../src/inventory/load.js";
import { describeErrors, listErrors } from "../../../src/report/errors.js";
import { describePlan } from "../../../src/report/human.js";
import { type Result, resultSchema } from "../../../src/report/result.js";
import { router, vps, world } from "../world.js";

const shipped = JSON.parse(
  readFileSync(new URL("../../../inventory/result.schema.json", import.meta.url), "utf8"),
);

describe("the JSON schema of --json", () => {
  it("allows fields that a later ds4 adds, and nothing else in the place of one", () => {
    const schema = z.fromJSONSchema(shipped);
    const failed: Result = {
      version: 1,
      command: "status",
      result: "failed",
      exitCode: 1,
      changes: [],
      notes: [],
      errors: [{ message: "x" }],
    };
    expect(schema.safeParse({ ...failed, later: "y" }).success).toBe(true);
    expect(schema.safeParse({ ...failed, exitCode: 3 }).success).toBe(false);
    expect(schema.safeParse({ ...failed, result: "fine" }).success).toBe(false);
    expect(schema.safeParse({ ...failed, changes: undefined }).success).toBe(false);
  });
});

const problem = {
  file: "inventory/home.yaml",
  line: 3,
  column: 9,
  message: "server: missing",
  hint: "Add it.",
};

describe("the errors of a command", () => {
  it("are one for each thing to mend, with place and hint", () => {
    const errors = listErrors(
      new AggregateError([
        new ConnectError("vps", "timeout", "vps: no answer", { hint: "check it" }),
        new InventoryError([problem, { ...problem, line: 4 }]),
        new Ds4Error("plain"),
      ]),
    );
    expect(errors).toEqual([
      { message: "vps: no answer", hint: "check it" },
      problem,
      { ...problem, line: 4 },
      { message: "plain" },
    ]);
    expect(resultSchema.shape.errors.safeParse(errors).success).toBe(true);
    const text = describeErrors(errors);
    expect(text).toContain("error: inventory/home.yaml:3:9: server: missing\n  → Add it.");
    expect(text).toContain("error: plain");
  });

  it("are said once where both hosts have the same", () => {
    const wrong = () => new Ds4Error("can't read the ssh_config x", { hint: "is it there?" });
    expect(listErrors(new AggregateError([wrong(), wrong(), new Ds4Error("other")]))).toHaveLength(2);
  });

  it("are never made of a bug, which shows its stack", () => {
    expect(() => listErrors(new TypeError("oops"))).toThrow(TypeError);
    expect(() => listErrors(new AggregateError([new Ds4Error("x"), new TypeError("oops")]))).toThrow(
      TypeError,
    );
  });
});

const before: HostState = new Map<string, Items>([
  ["tunnel", new Map([["wrap1", { mtu: 1400, up: true, encaplimit: "none" }]])],
  ["address", new Map([["2001:db8::1/128", { device: "lo" }]])],
]);
const target = {
  vps: new Map(),
  router: new Map<string, Items>([
    ["tunnel", new Map([["wrap1", { mtu: 1460, up: true, encaplimit: "none" }]])],
    ["rule", new Map([["4200", { rule: "from 192.168.1.210 lookup main" }]])],
  ]),
};
const reading = {
  vps: { facts: vps, actual: new Map(), sections: new Map() },
  router: { facts: router, actual: before, sections: new Map() },
};

it("a site's servers are one text where there is one, else a list", () => {
  const text = (servers: string) => `vps: { ssh: a }\nrouter: { ssh: b }\n${servers}\n`;
  const list = (servers: string) => {
    const site = parseSite(text(servers), "home.yaml");
    return listDesign(site, world({ site }).design);
  };
  const entry = (server: string, traffic: string) => `{ server: ${server}, traffic: ${traffic} }`;
  const [one, two] = [entry("192.168.1.210", "all"), entry("192.168.1.211", "tcp/25")];
  expect(list("server: 192.168.1.210")).toMatchObject({ mode: "tunnel", server: "192.168.1.210" });
  expect(list(`forward: [${one}]`)).toMatchObject({ mode: "tunnel", server: "192.168.1.210" });
  expect(list(`forward: [${one}, ${two}]`)).toMatchObject({ servers: ["192.168.1.210", "192.168.1.211"] });
  expect(list(`forward: [${one}, ${two}]`)).not.toHaveProperty("publicIPv4s");
});

describe("a plan", () => {
  const plan = planSite(reading, target);

  it("says as JSON what is made, changed and removed, and in which fields", () => {
    const changes = listChanges(plan);
    expect(resultSchema.shape.changes.safeParse(changes).success).toBe(true);
    expect(changes.map(({ host, step, id, action, fields }) => [host, action, step, id, fields])).toEqual([
      ["router", "remove", "address", "2001:db8::1/128", ["device"]],
      ["router", "change", "tunnel", "wrap1", ["mtu"]],
      ["router", "make", "rule", "4200", ["rule"]],
    ]);
    expect(changes[0]).not.toHaveProperty("to");
    expect(changes[2]).not.toHaveProperty("from");
  });

  it("reads as what will be done, or as what has drifted", () => {
    expect(describePlan(plan, "plan")).toBe(
      `router
  - address 2001:db8::1/128
  ~ tunnel wrap1
      mtu: 1400 -> 1460
  + rule 4200  rule from 192.168.1.210 lookup main`,
    );
    expect(describePlan(plan, "drift")).toBe(
      `router
  too much address 2001:db8::1/128 (live)
  differs  tunnel wrap1 (live)
      mtu: 1400 -> 1460
  missing  rule 4200 (live)`,
    );
  });

  it("of nothing is empty in both forms", () => {
    const empty = planSite(
      { ...reading, router: { ...reading.router, actual: new Map(), sections: new Map() } },
      nothing,
    );
    expect(listChanges(empty)).toEqual([]);
    expect(describePlan(empty, "plan")).toBe("");
  });

  it("shows a text or a list line by line, and says where only the order differs", () => {
    const file = (content: string): HostState => new Map([["file", new Map([["/etc/x", { content }]])]]);
    const rules = (list: readonly string[]): HostState =>
      new Map([["firewall", new Map([["zone", { rules: list }]])]]);
    const show = (actual: HostState, wanted: HostState) =>
      describePlan(
        planSite(
          { ...reading, router: { facts: router, actual, sections: new Map() } },
          { vps: new Map(), router: wanted },
        ),
        "drift",
      ).split("\n");
    expect(show(file("a\nold\nb\n"), file("a\nnew\nb\n"))).toEqual([
      "router",
      "  differs  file /etc/x (for the next boot)",
      "      content:",
      "        - old",
      "        + new",
    ]);
    expect(show(rules(["a", "b"]), rules(["b", "a"])).at(-1)).toBe(
      "        other order, or something doubled",
    );
  });
});
