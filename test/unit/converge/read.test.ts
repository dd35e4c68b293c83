import { describe, expect, it } from "vitest";
import { lockAndRead, readHosts, withPath } from "../../../src/converge/read.js";
import { ConflictError, HostError } from "../../../src/core/errors.js";
import type { RunResult, Shell } from "../../../src/core/shell.js";
import { parseSite } from "../../../src/inventory/load.js";
import { type HostName, recordedShell } from "../../cases/recorded-shell.js";
import { runScript, shells, title } from "../../shells.js";

const site = parseSite("vps: { ssh: vps }\nrouter: { ssh: router }\nserver: 192.168.1.210\n", "lab.yaml");

/** A recorded host that keeps the scripts it was sent; `turn` makes something else of its answers. */
function host(label: HostName, state: string, turn: (result: RunResult) => RunResult = (result) => result) {
  const scripts: string[] = [];
  const recorded = recordedShell(state, label);
  const shell: Shell = {
    ...recorded,
    run: async (script) => {
      scripts.push(script);
      return turn(await recorded.run(script));
    },
  };
  return { scripts, shell };
}

async function refusal(vps: Shell, router: Shell): Promise<HostError> {
  const error = await readHosts(site, { vps, router }).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(HostError);
  return error as HostError;
}

describe("reading both hosts", () => {
  it("takes one script each, and a new marker each time", async () => {
    const [vps, router] = [host("vps", "in-sync"), host("router", "in-sync")];
    const both = { vps: vps.shell, router: router.shell };
    await readHosts(site, both);
    expect([vps.scripts.length, router.scripts.length]).toEqual([1, 1]);
    await readHosts(site, both);
    expect(vps.scripts[0]).not.toBe(vps.scripts[1]);
  });

  for (const shell of shells) {
    it.skipIf(shell.missing)(title(shell, "sends scripts that can be understood"), async () => {
      const [vps, router] = [host("vps", "fresh"), host("router", "fresh")];
      const both = { vps: vps.shell, router: router.shell };
      await withPath(site, both, await readHosts(site, both));
      for (const script of [...vps.scripts, ...router.scripts]) {
        // -n: reads it and runs nothing.
        expect(runScript(shell, script, "-n")).toEqual({ stdout: "", stderr: "", code: 0 });
      }
      expect(vps.scripts).toHaveLength(2);
    });
  }

  it("measures the path anew where another host is to end the tunnel", async () => {
    const both = {
      vps: host("vps", "in-sync"),
      router: host("router", "in-sync"),
      home: host("home", "linux-fresh"),
    };
    const all = { vps: both.vps.shell, router: both.router.shell, home: both.home.shell };
    for (const [end, scripts] of [
      ["router", 1],
      ["home", 2],
    ] as const) {
      both.vps.scripts.length = 0;
      const site = parseSite(
        `vps: { ssh: vps }\nrouter: { ssh: router }\nhome: { kind: linux, ssh: home }\nserver: 192.168.1.210\ntunnel: { end: ${end} }\n`,
        "lab.yaml",
      );
      await withPath(site, all, await readHosts(site, all));
      expect(both.vps.scripts, end).toHaveLength(scripts);
    }
  });

  it("is refused where ds4 isn't root on the VPS, or nobody in particular", async () => {
    const user = host("vps", "fresh", (result) => ({
      ...result,
      stdout: result.stdout.replace("uid=0", "uid=1000"),
    }));
    const error = await refusal(user.shell, host("router", "fresh").shell);
    expect(error.message).toBe("on the VPS, ds4 is not root");
    expect(error.hint).toContain("sudo");
  });

  it("says what a host's shell said that can't run a script", async () => {
    const failing = (stderr: string, code: number) =>
      refusal(
        host("vps", "fresh").shell,
        host("router", "fresh", () => ({ stdout: "", stderr, code })).shell,
      );
    expect((await failing("This account is currently not available.\n", 1)).message).toBe(
      "the router can't run a shell script: This account is currently not available.",
    );
    expect((await failing("", 127)).message).toContain("exit status 127");
    expect((await failing("sudo: a password is required\n", 1)).hint).toContain("sudo without a password");
  });

  it("never takes half an answer for the whole", async () => {
    const cut = host("router", "in-sync", (result) => ({
      ...result,
      stdout: result.stdout.slice(0, result.stdout.length * 0.7),
    }));
    expect((await refusal(host("vps", "in-sync").shell, cut.shell)).message).toMatch(
      /the host's answer ends before the part '/,
    );
  });
});

describe("taking the hosts' locks", () => {
  const lease = { run: "aa", by: "me@laptop", since: "2026-01-01T00:00:00Z" };
  const held = "held\nby=other@desk\nsince=2026-01-01T10:00:00Z\nleft=42\n";

  /** Both hosts, with what their locks say; `ran` tells who was asked for what. */
  async function lock(answers: { readonly vps: string; readonly router: string }) {
    const ran: string[] = [];
    const locked = (label: "vps" | "router"): Shell => ({
      ...recordedShell("fresh", label),
      run: async (script, options) => {
        const marker = /@@[0-9a-f]{12} /.exec(script)?.[0];
        ran.push(`${label} read`);
        for (const line of answers[label].split("\n")) options?.onLine?.(line);
        const { stdout } = await recordedShell("fresh", label).run(script);
        return { stdout: `${stdout}${marker}lock\n${answers[label]}\n${marker}= 0\n`, stderr: "", code: 0 };
      },
    });
    const shells = { vps: locked("vps"), router: locked("router") };
    return { result: await lockAndRead(site, shells, lease).catch((error: unknown) => error), ran };
  }

  it("takes the VPS's first, and then the one at home", async () => {
    const { result, ran } = await lock({ vps: "taken\n", router: "taken\n" });
    expect(ran).toEqual(["vps read", "router read"]);
    expect(Object.keys(result as object).sort()).toEqual(["router", "vps"]);
  });

  it("says whose the next one is", async () => {
    const { result, ran } = await lock({ vps: "taken\n", router: held });
    expect(ran).toEqual(["vps read", "router read"]);
    expect(result).toBeInstanceOf(ConflictError);
    expect((result as ConflictError).message).toMatch(
      /^other@desk .* since 2026-01-01T10:00:00Z, .* router's lock/,
    );
    expect((result as ConflictError).hint).toContain("42 s");
  });

  it("doesn't ask at home where the VPS's is somebody else's", async () => {
    const { result, ran } = await lock({ vps: held, router: "taken\n" });
    expect(ran).not.toContain("router read");
    expect((result as ConflictError).message).toContain("the VPS's lock");
  });
});

describe("measuring the path", () => {
  const measured = async (more: { mtu?: number; state?: string; interfaces?: readonly object[] }) => {
    const state = more.state ?? "fresh";
    const [vps, router] = [host("vps", state), host("router", state)];
    const both = { vps: vps.shell, router: router.shell };
    const asked = more.mtu === undefined ? site : { ...site, tunnel: { ...site.tunnel, mtu: more.mtu } };
    const first = await readHosts(asked, both);
    const { router: own = expect.unreachable() } = first;
    const interfaces = more.interfaces ?? own.facts.interfaces;
    const facts = { ...own.facts, interfaces: interfaces as never };
    const reading = await withPath(asked, both, { ...first, router: { ...own, facts } });
    return { scripts: vps.scripts.slice(1), path: reading.vps.facts.path };
  };

  it("goes to the router's own address on its uplink", async () => {
    const { scripts, path } = await measured({});
    expect(scripts[0]).toContain(" 2001:db8:ffff::2 ");
    expect(Math.max(...(path?.answered ?? []))).toBe(1500);
  });

  it("goes to another global address of the router where the uplink has none", async () => {
    const entry = { up: true, defaultRoute6: false, prefixes: [], ipv4: [] };
    const interfaces = [
      { ...entry, name: "wan6", defaultRoute6: true, ipv6: [{ address: "fe80::1" }] },
      { ...entry, name: "lan", ipv6: [{ address: "fd00::1" }, { address: "2001:db8:100::1" }] },
    ];
    expect((await measured({ interfaces })).scripts[0]).toContain(" 2001:db8:100::1 ");
  });

  it("isn't done where the router has none, the inventory says the MTU, or it is known", async () => {
    expect((await measured({ interfaces: [] })).scripts).toEqual([]);
    expect((await measured({ mtu: 1400 })).scripts).toEqual([]);
    expect((await measured({ state: "in-sync" })).scripts).toEqual([]);
  });
});
