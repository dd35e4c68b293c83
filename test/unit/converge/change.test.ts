import { describe, expect, it } from "vitest";
import { ChangeError, changeHosts } from "../../../src/converge/change.js";
import { aimFor, nothing, planSite } from "../../../src/converge/plan-site.js";
import { readHosts, withPath } from "../../../src/converge/read.js";
import { ConnectError } from "../../../src/core/errors.js";
import type { RunResult, Shell } from "../../../src/core/shell.js";
import { parseSite } from "../../../src/inventory/load.js";
import { type HostName, recordedShell } from "../../cases/recorded-shell.js";

const site = parseSite("vps: { ssh: vps }\nrouter: { ssh: router }\nserver: 192.168.1.210\n", "lab.yaml");

/** What a change script comes to on a host: the recorded state that it is in afterwards, and the script's end. */
type Turn = {
  readonly state: string;
  readonly end?: Partial<RunResult> | Error;
  readonly lines?: readonly string[];
};

/** A host that was recorded in several states, and goes from one to the next with each change script. */
function host(
  label: HostName,
  first: string,
  turns: readonly Turn[],
): Shell & { readonly changes: string[] } {
  const left = [...turns];
  const changes: string[] = [];
  let state = first;
  return {
    label,
    changes,
    close: async () => {},
    run: async (script, options) => {
      if (!script.includes("@ds4 ")) {
        if (state === "gone") throw new ConnectError(label, "timeout", `${label}: no answer`);
        return recordedShell(state, label).run(script);
      }
      changes.push(script);
      const turn = left.shift();
      if (turn === undefined) throw new Error(`${label} was changed once more than told`);
      state = turn.state;
      for (const line of turn.lines ?? []) options?.onLine?.(line);
      if (turn.end instanceof Error) throw turn.end;
      return { stdout: "", stderr: "", code: 0, ...turn.end };
    },
  };
}

/** Carries out the first apply, or with `from` in-sync the teardown, and tells what came of it. */
async function change(vpsTurns: readonly Turn[], routerTurns: readonly Turn[], from = "fresh", stop = false) {
  const hosts = { vps: host("vps", from, vpsTurns), router: host("router", from, routerTurns) };
  const reading = await withPath(site, hosts, await readHosts(site, hosts));
  const target = from === "fresh" ? aimFor(site, reading).target : nothing;
  const told: string[] = [];
  const work = changeHosts(site, hosts, reading, target, planSite(reading, target), {
    item: (name, step, id) => told.push(`${name} ${step} ${id}`),
    stop: stop ? AbortSignal.abort() : new AbortController().signal,
    phase: (name, run) => {
      told.push(name);
      return run();
    },
  });
  const result = await work.catch((error: unknown) => error);
  return { result, told, hosts };
}

function failed(result: unknown): ChangeError {
  expect(result).toBeInstanceOf(ChangeError);
  return result as ChangeError;
}

const made: Turn = { state: "in-sync" };
const removed: Turn = { state: "fresh" };

describe("a change of both hosts", () => {
  it("runs one script on each, reads them again, and is done", async () => {
    const { result, told, hosts } = await change(
      [{ ...made, lines: ["@ds4 tunnel wrap1", "some tool's own line", "@ds4 chains ipv4"] }],
      [made],
    );
    expect(result).toMatchObject({ vps: { facts: { marked: true } }, router: { facts: { marked: true } } });
    expect(told).toEqual(["change", "vps tunnel wrap1", "vps chains ipv4", "check"]);
    expect([hosts.vps.changes.length, hosts.router.changes.length]).toEqual([1, 1]);
  });

  it("goes back on both hosts when it fails on one, and names the item and the tool's words", async () => {
    const end = { code: 1, stderr: "fw4 check refuses the new rules: boom\n" };
    const { result, told, hosts } = await change(
      [made, removed],
      [{ state: "fresh", end, lines: ["@ds4 file /etc/ds4/site", "@ds4 uci firewall.ds4_zone"] }],
    );
    const error = failed(result);
    expect(error.message).toBe(
      "the change on the router failed at uci firewall.ds4_zone: fw4 check refuses the new rules: boom\nBoth hosts are back where they were.",
    );
    expect(error).toMatchObject({ undone: true, hint: expect.stringContaining("again") });
    expect(told).toContain("undo");
    // Nothing was left to take back on the router, and so it was not touched again.
    expect([hosts.vps.changes.length, hosts.router.changes.length]).toEqual([2, 1]);
    expect(hosts.vps.changes[1]).toContain("ip link del wrap1");
  });

  it("names both failures where both hosts fail", async () => {
    const end = { code: 2 };
    const { result } = await change([{ state: "fresh", end }], [{ state: "fresh", end }]);
    expect(failed(result).message).toMatch(
      /^the change on the vps failed at the beginning: exit status 2\nthe change on the router failed .*\nBoth/,
    );
  });

  it("fails where everything ends well and yet isn't as wanted", async () => {
    const { result } = await change([made, removed], [{ state: "fresh" }]);
    expect(failed(result).message).toMatch(
      /after the change, this is still not as wanted: router file \/etc\/ds4\/site, .*\nBoth hosts are back/,
    );
  });

  it("says what is left where going back fails, too", async () => {
    const { result } = await change(
      [made, { state: "in-sync", end: { code: 1, stderr: "busy" } }],
      [{ state: "fresh", end: { code: 1 } }],
    );
    const error = failed(result);
    expect(error.undone).toBe(false);
    expect(error.message).toMatch(
      /Going back failed, too: the change on the vps failed .*: busy; vps .*tunnel wrap1/,
    );
    expect(error.hint).toContain("'ds4 teardown lab'");
  });

  it("says so where a host is lost in the middle, and can't be read any more", async () => {
    const lost = new ConnectError("router", "timeout", "router: the connection broke off");
    const { result } = await change([made], [{ state: "gone", end: lost }]);
    const error = failed(result);
    expect(error.undone).toBe(false);
    expect(error.message).toMatch(
      /^router: the connection broke off\nGoing back was not possible: router: no answer/,
    );
    expect(error.hint).toContain("once both hosts answer, 'ds4 status lab'");
  });

  it("says that it was made where a host is lost before the check", async () => {
    const { result } = await change([made], [{ state: "gone" }]);
    const error = failed(result);
    expect(error.undone).toBe(false);
    expect(error.message).toMatch(
      /^the change was made, and can't be checked: router: no answer\nGoing back was not/,
    );
  });

  it("goes back where a connection broke off and the host answers again", async () => {
    const lost = new ConnectError("router", "timeout", "router: the connection broke off");
    const { result, hosts } = await change([made, removed], [{ state: "in-sync", end: lost }, removed]);
    expect(failed(result)).toMatchObject({ undone: true });
    expect(hosts.router.changes).toHaveLength(2);
  });

  it("is taken back where the user stops it", async () => {
    const { result } = await change([made, removed], [made, removed], "fresh", true);
    expect(failed(result).message).toBe("you stopped it\nBoth hosts are back where they were.");
  });

  it("of a teardown that fails puts everything back", async () => {
    const { result, hosts } = await change(
      [removed, made],
      [{ state: "in-sync", end: { code: 1, stderr: "read-only" } }],
      "in-sync",
    );
    expect(failed(result)).toMatchObject({ undone: true });
    expect(hosts.vps.changes[1]).toContain("/etc/ds4/up tunnel:wrap1");
  });

  it("shows a bug as it is", async () => {
    const { result } = await change([{ state: "in-sync", end: new TypeError("oops") }], [made]);
    expect(result).toBeInstanceOf(TypeError);
  });
});
