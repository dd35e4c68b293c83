import { describe, expect, it, vi } from "vitest";
import { aimFor, nothing, planSite, undoLines } from "../../../src/converge/plan-site.js";
import { readHosts, withPath } from "../../../src/converge/read.js";
import { ConnectError } from "../../../src/core/errors.js";
import { parseSite } from "../../../src/inventory/load.js";
import { ChangeError } from "../../../src/transaction/failure.js";
import { transact } from "../../../src/transaction/transaction.js";
import { type HostName, recordedShell } from "../../cases/recorded-shell.js";
import { type Behaviour, fakeHost, proofs } from "./fake-host.js";

const site = parseSite("vps: { ssh: vps }\nrouter: { ssh: router }\nserver: 192.168.1.210\n", "lab.yaml");
const lost = (label: HostName) => new ConnectError(label, "timeout", `${label}: the connection broke off`);
const raise = (error: Error) => () => {
  throw error;
};

type Setting = {
  readonly vps?: Behaviour;
  readonly router?: Behaviour;
  readonly answers?: Partial<typeof proofs>;
  /** Whether new connections can be made. */
  readonly reconnect?: boolean;
  /** What is thrown where not; one host's failure, if it isn't said. */
  readonly noneReconnects?: Error;
  /** New ones for the proof, and none after it. */
  readonly reopenOnly?: boolean;
  /** The phase in which the user breaks off. */
  readonly stopIn?: string;
};

/** Carries out the first apply, or a teardown, and tells what came of it. */
async function change(setting: Setting = {}, command: "apply" | "teardown" = "apply") {
  const states = command === "apply" ? (["fresh", "in-sync"] as const) : (["in-sync", "fresh"] as const);
  const { vps: onVps, router: onRouter, answers = {}, reconnect = true, reopenOnly, stopIn } = setting;
  const hosts = {
    vps: fakeHost("vps", states, onVps, answers),
    router: fakeHost("router", states, onRouter, answers),
  };
  const recorded = { vps: recordedShell(states[0], "vps"), router: recordedShell(states[0], "router") };
  const before = await withPath(site, recorded, await readHosts(site, recorded));
  const aim = command === "apply" ? aimFor(site, before) : { target: nothing };
  const told: string[] = [];
  const failedPhases: string[] = [];
  const stop = new AbortController();
  const work = transact(
    {
      site,
      ...aim,
      before,
      plan: planSite(before, aim.target),
      arming: {
        run: "0123abcd",
        command,
        hosts: ["vps", "router"],
        by: "me@laptop",
        since: "2026-01-01T00:00:00Z",
      },
      confirmWithin: 60,
    },
    {
      shells: hosts,
      reconnect: async () => {
        if (!reconnect && !reopenOnly) throw setting.noneReconnects ?? lost("vps");
        return hosts;
      },
      reopen: async (name) => {
        const host = name as "vps" | "router";
        if (!reconnect) throw lost(host);
        return hosts[host];
      },
    },
    {
      item: (name, step, id) => told.push(`${name} ${step} ${id}`),
      armed: () => told.push("armed"),
      stop: stop.signal,
      phase: (name, run) => {
        told.push(name);
        const running = run();
        running.catch(() => failedPhases.push(name));
        if (name === stopIn) stop.abort();
        return running;
      },
    },
  );
  const result = await work.catch((error: unknown) => error);
  return { result, told, failedPhases, hosts };
}

function failed(result: unknown): ChangeError {
  if (!(result instanceof ChangeError)) throw result;
  return result;
}

describe("a change of both hosts", () => {
  it("is armed first, made, proved over new connections, and then confirmed", async () => {
    const { result, told, hosts } = await change({
      vps: { change: () => ({ lines: ["@ds4 tunnel wrap1", "some tool's own line"] }) },
    });
    expect(told).toEqual([
      "arm",
      "armed",
      "change",
      "vps tunnel wrap1",
      "vps tunnel wrap1",
      "prove",
      "confirm",
    ]);
    expect(hosts.vps.ran).toEqual(["arm", "change", "change", "read", "confirm"]);
    expect(hosts.router.ran).toEqual(["arm", "change", "read", "read", "confirm"]);
    expect(result).toEqual(
      expect.arrayContaining([expect.objectContaining({ name: "arrival", proved: true })]),
    );
    expect((result as { proved: boolean }[]).every(({ proved }) => proved)).toBe(true);
  });

  it("turns the traffic over last, when the router is done", async () => {
    const { hosts } = await change();
    const [, main = "", last = ""] = hosts.vps.scripts;
    expect(main).toContain("@ds4 file /etc/ds4/up");
    expect(main).not.toMatch(/^\/etc\/ds4\/up chains:/m);
    expect(last).toMatch(/^\/etc\/ds4\/up chains:ipv6 chains:ipv4$/m);
  });

  it("of a teardown turns the traffic away first", async () => {
    const { result, hosts } = await change({}, "teardown");
    const [, first = "", main = ""] = hosts.vps.scripts;
    expect(first).toContain("-D PREROUTING -j DS4-PREROUTING");
    expect(first).not.toContain("ip link del wrap1");
    expect(main).toContain("ip link del wrap1");
    expect(result).toEqual(
      expect.arrayContaining([expect.objectContaining({ name: "read back", proved: true })]),
    );
  });

  it("leaves on each host the way back, which counts on nothing that the change makes", async () => {
    const { hosts } = await change();
    expect(hosts.vps.scripts[0]).toContain("ip link del wrap1");
    expect(hosts.router.scripts[0]).toContain("network.ds4_rule_table");
    const teardown = await change({}, "teardown");
    expect(teardown.hosts.vps.scripts[0]).toMatch(/ip link add wrap1 mtu/);
    expect(teardown.hosts.vps.scripts[0]).not.toMatch(/^\/etc\/ds4\/up \w+:/m);
  });

  it.each(["vps", "router"] as const)("notices what of the way back fails on the %s", async (host) => {
    const shells = { vps: recordedShell("in-sync", "vps"), router: recordedShell("in-sync", "router") };
    const { [host]: own = expect.unreachable() } = await readHosts(site, shells);
    const undo = undoLines(host, own.actual, nothing).join("\n");
    const unnoticed = undo
      .replaceAll(/^\( set -e$[\s\S]*?^\)$/gm, "")
      .split("\n")
      .filter(
        (line) => /^(ip|systemctl|sysctl|mv|cp|echo .*>) /.test(line) && !/\|\| (:|fail .*)$/.test(line),
      );
    expect(undo).toContain("t be made");
    expect(unnoticed).toEqual([]);
  });

  it("changes nothing where a switch can't be armed", async () => {
    const { result, hosts } = await change({ router: { arm: () => ({ code: 1, stderr: "read-only" }) } });
    expect(failed(result).message).toBe(
      "the router's dead-man switch could not be armed: read-only\nBoth hosts are back where they were.",
    );
    expect([...hosts.vps.ran, ...hosts.router.ran]).not.toContain("change");
  });

  it("goes back on both hosts when it fails on one, and names the item and the tool's words", async () => {
    const { result, hosts } = await change({
      router: { change: () => ({ code: 1, stderr: "fw4 says no\n", lines: ["@ds4 uci firewall.ds4_zone"] }) },
    });
    const error = failed(result);
    expect(error.message).toBe(
      "the change on the router failed at uci firewall.ds4_zone: fw4 says no\nBoth hosts are back where they were.",
    );
    expect(error).toMatchObject({ undone: true, hint: expect.stringContaining("again") });
    expect(hosts.vps.ran).toEqual(["arm", "change", "undo", "read"]);
    expect(hosts.router.ran).toEqual(["arm", "change", "undo", "read"]);
  });

  it.each(["vps", "router"] as const)(
    "goes back when the %s isn't as wanted afterwards, whatever its script said and the packets prove",
    async (host) => {
      const { result, hosts } = await change({ [host]: { change: () => ({ code: 0, inVain: true }) } });
      const { message, undone } = failed(result);
      expect(message).toMatch(new RegExp(`still not as wanted.*${host === "vps" ? "chains" : "uci"}`));
      expect(message).toContain("Both hosts are back where they were.");
      expect(undone).toBe(true);
      for (const { ran } of Object.values(hosts)) {
        expect(ran).toContain("undo");
        expect(ran).not.toContain("confirm");
      }
    },
  );

  it("goes back when no visitor can be made", async () => {
    const { result } = await change({ answers: { visitor: "missing tc" } });
    expect(failed(result).message).toMatch(/not proved: path: no visitor could be made on the VPS: tc/);
  });

  it.each([
    {
      what: "the provider of the VPS drops what the router sends",
      answers: {
        visitor: proofs.visitor
          .replace(/^answered (small|full) .*\n|^tcp .*\n/gm, "")
          .replace(/^\[\d+:(\d+)\]( -A DS4-)/gm, "[9:$1]$2"),
      },
      says: /not proved: tunnel: .*and 0 the VPS/,
      hint: /before the tunnel/,
    },
    {
      what: "nothing reaches the router",
      answers: {
        visitor: proofs.visitor.replace(/^answered (small|full) .*\n|^tcp .*\n/gm, ""),
        witness: proofs.witness.replace(/packets \d+/g, "packets 0"),
      },
      says: /did not arrive at 192\.168\.1\.210/,
      hint: /protocol 4 didn't reach the router, while a ping over IPv6 .* is answered/,
    },
    {
      what: "the server doesn't answer",
      answers: {
        visitor: proofs.visitor.replace(/^answered (small|full) .*\n|^tcp .*\n/gm, ""),
        witness: proofs.witness.replace(
          /packets \d+( bytes \d+ comment "(answer|outer_out)")/g,
          "packets 0$1",
        ),
      },
      says: /not proved: answer: the visitor got no answer/,
      hint: /192\.168\.1\.210 itself did not answer/,
    },
    {
      what: "large packets vanish",
      answers: { visitor: proofs.visitor.replace("answered full 203.0.113.144\n", "") },
      says: /not proved: full size: a ping of 1460 bytes vanished/,
      hint: /tunnel: \{ mtu: 1280 \}/,
    },
  ])("goes back, and says why, where $what", async ({ answers, says, hint }) => {
    const { result, told, hosts } = await change({ answers });
    const error = failed(result);
    expect(error.message).toMatch(says);
    expect(error.message).toContain("Both hosts are back where they were.");
    expect(error.hint).toMatch(hint);
    expect(error.proofs).toContainEqual(expect.objectContaining({ name: "read back", proved: true }));
    expect(told).not.toContain("confirm");
    expect(hosts.vps.ran).toContain("undo");
  });

  it("goes back where something that worked before doesn't any more", async () => {
    const { result } = await change({ answers: { connections: "" } });
    expect(failed(result).message).toMatch(
      /not proved: VPS's own connections: IPv4 gateway 203.0.113.1: before 'answers', now 'no answer'/,
    );
  });

  it.each([
    { what: "the server answers TCP alone", pinged: false, kept: true },
    { what: "the server answers pings", pinged: true, kept: false },
  ])(
    "where the router's own ping of the public IPv4 is lost and $what: kept is $kept",
    async ({ pinged, kept }) => {
      const { result } = await change({
        vps: { arm: () => ({ stdout: "-" }) },
        router: { arm: () => ({ stdout: "203.0.113.144 by the provider's IPv4 = answers\n" }) },
        answers: {
          visitor: pinged ? proofs.visitor : proofs.visitor.replace(/^answered (small|full) .*\n/gm, ""),
          connections: "",
        },
      });
      expect(Array.isArray(result)).toBe(kept);
      if (!kept) expect(failed(result).message).toContain("router's own connections");
    },
  );

  it("leaves a host that can't be reached to its switch, and says when that fires", async () => {
    const { result, hosts } = await change({
      router: { change: raise(lost("router")), undo: raise(lost("router")) },
      reconnect: false,
    });
    const error = failed(result);
    expect(error.undone).toBe(false);
    expect(error.message).toMatch(
      /The router can't be told to go back: router: the connection broke off\.\nThe VPS is back where it was\.\nWhat can't be reached goes back by itself at .* \(in \d+ s\)/,
    );
    expect(hosts.vps.state).toBe("fresh");
  });

  it("is not confirmed where new connections can't be made", async () => {
    const { result, told } = await change({ reconnect: false });
    expect(failed(result)).toMatchObject({ undone: true, message: expect.stringContaining("broke off") });
    expect(told).not.toContain("confirm");
  });

  it("goes back where new connections can be made to none of the hosts, and names each one's reason", async () => {
    const refused = new ConnectError("router", "auth", "router: no key is taken", {
      hint: "unlock the agent",
    });
    const { result } = await change({
      reconnect: false,
      noneReconnects: new AggregateError([lost("vps"), refused]),
    });
    expect(failed(result)).toMatchObject({ undone: true, hint: "unlock the agent" });
    expect(failed(result).message).toBe(
      "vps: the connection broke off\nrouter: no key is taken\nBoth hosts are back where they were.",
    );
  });

  it("asks again where the answer to the confirmation got lost", async () => {
    const { hosts, result } = await change({
      vps: {
        confirm: (times) => {
          if (times === 0) throw lost("vps");
          return {};
        },
      },
    });
    expect(result).toBeInstanceOf(Array);
    expect(hosts.vps.ran.filter((kind) => kind === "confirm")).toHaveLength(2);
  });

  it("goes back, step by step, where it is confirmed, and says that the other one's state isn't known", async () => {
    let now = Date.now();
    vi.spyOn(Date, "now").mockImplementation(() => {
      now += 20_000;
      return now;
    });
    const { result, hosts } = await change({
      router: { confirm: raise(lost("router")), undo: raise(lost("router")) },
      reconnect: false,
      reopenOnly: true,
    });
    vi.restoreAllMocks();
    const error = failed(result);
    expect(error.undone).toBe(false);
    expect(error.message).toMatch(/the router can't be told to keep the change/);
    expect(error.message).toMatch(
      /\nThe VPS is back where it was\.\nWhat can't be reached keeps the change if/,
    );
    expect(error.hint).toContain("'ds4 status lab'");
    expect(hosts.vps.ran.slice(-4)).toEqual(["undo", "read", "change", "read"]);
    expect(hosts.vps.state).toBe("fresh");
  });

  it("goes back on both where one had gone back before it was confirmed", async () => {
    const { result, failedPhases, hosts } = await change({ router: { confirm: () => ({ code: 3 }) } });
    // Nobody is shown a confirmation that was none.
    expect(failedPhases).toEqual(["confirm"]);
    expect(failed(result).message).toMatch(/the router went back before this was confirmed/);
    // The VPS was confirmed, and has no switch any more.
    expect(hosts.vps.ran.slice(-4)).toEqual(["undo", "read", "change", "read"]);
    expect(hosts.vps.state).toBe("fresh");
    const back = hosts.vps.scripts.at(-2);
    for (const guard of ["another run of ds4 is at it", "/var/run/ds4/ended-0123abcd"]) {
      expect(back).toContain(guard);
    }
  });

  it.each(["arm", "change", "prove"])(
    "is taken back at once where the user stops it in the phase %s",
    async (stopIn) => {
      const { result, hosts } = await change({ stopIn });
      expect(failed(result).message).toBe("you stopped it\nBoth hosts are back where they were.");
      expect(hosts.vps.ran).toContain("undo");
    },
  );

  it("says what is left where going back fails, too", async () => {
    const { result, failedPhases } = await change({
      vps: {
        undo: () => ({ code: 1, stderr: "busy" }),
        change: (times) => (times > 1 ? { code: 1, stderr: "not mine" } : {}),
      },
      router: { confirm: () => ({ code: 3 }) },
    });
    const error = failed(result);
    expect(error.undone).toBe(false);
    expect(failedPhases).toEqual(["confirm", "undo"]);
    expect(error.message).toContain("The undo on the VPS failed: busy");
    expect(error.message).toContain("the change on the VPS failed at the beginning: not mine");
    expect(error.message).toMatch(/Going back failed, too; this is left: .*vps tunnel wrap1/);
    expect(error.hint).toContain("'ds4 teardown lab'");
  });

  it("goes back where ds4 itself is at fault, and shows that", async () => {
    const { result, hosts } = await change({ vps: { change: raise(new TypeError("oops")) } });
    const error = failed(result);
    expect(error.message).toMatch(/^ds4 itself is at fault: TypeError: oops\n {4}at /);
    expect(error.message).toMatch(/Both hosts are back where they were.$/);
    expect(error.undone).toBe(true);
    for (const { state } of Object.values(hosts)) expect(state).toBe("fresh");
  });
});
