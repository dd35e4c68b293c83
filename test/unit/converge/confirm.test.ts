import { describe, expect, it, vi } from "vitest";
import { converge } from "../../../src/commands/converge.js";
import { aimFor } from "../../../src/converge/plan-site.js";
import { Ds4Error } from "../../../src/core/errors.js";
import type { Shell } from "../../../src/core/shell.js";
import { silent } from "../../../src/report/progress.js";
import { router, site, vps } from "../world.js";

const reading = {
  vps: { facts: vps, actual: new Map(), sections: new Map() },
  router: { facts: router, actual: new Map(), sections: new Map() },
};
const { target, plan, design } = aimFor(site, reading);
const run = vi.fn<Shell["run"]>();
const shell = (label: string): Shell => ({ label, run, close: async () => {} });
const shells = { vps: shell("vps"), router: shell("router") };
const session = {
  shells,
  reading,
  lease: { run: "ab", by: "me@here", since: "now" },
  released: () => {},
  reconnect: async () => shells,
  reopen: async (host: "vps" | "router" | "home") => shells[host === "home" ? "vps" : host],
};

describe("a change that somebody is asked about", () => {
  it.each([true, false])("is shown before, with --json: %s", async (json) => {
    const terminals = [process.stdin, process.stderr].map((stream) => ({ stream, was: stream.isTTY }));
    for (const { stream } of terminals) stream.isTTY = true;
    const written = vi.spyOn(process.stderr, "write").mockReturnValue(true);
    let shown = "";
    const answerNo = async () => {
      shown = written.mock.calls.join("");
      return false as never;
    };
    const decision = { command: "apply", reading, target, plan, design, done: "" } as const;
    const options = { inventory: "inventory", json };
    try {
      expect(await converge(site, session, decision, options, { ...silent, pause: answerNo })).toMatchObject({
        result: "cancelled",
        exitCode: 1,
        changes: [],
      });
    } finally {
      for (const { stream, was } of terminals) stream.isTTY = was;
      written.mockRestore();
    }
    expect(shown).toContain("tunnel");
    expect(run).not.toHaveBeenCalled();
  });
});

describe("a change that nobody can be asked about", () => {
  it.each([true, false])("is not made without --yes, with --json: %s", async (json) => {
    const terminal = vi.spyOn(process, "stdin", "get").mockReturnValue({ isTTY: false } as never);
    const written = vi.spyOn(process.stderr, "write").mockReturnValue(true);
    const options = { inventory: "inventory", json, confirmWithin: 60 };
    const decision = { command: "apply", reading, target, plan, design, done: "" } as const;
    const work = converge(site, session, decision, options, silent);
    const error = await work.catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(Ds4Error);
    expect(error).toMatchObject({
      message: "there is no terminal to ask at, and nothing was changed",
      hint: expect.stringContaining("--yes"),
    });
    expect(run).not.toHaveBeenCalled();
    // The plan is shown all the same, but never between a program and its JSON.
    expect(written.mock.calls.length > 0).toBe(!json);
    terminal.mockRestore();
    written.mockRestore();
  });
});
