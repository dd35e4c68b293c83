import { appendFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { conditions, faults } from "../faults.js";
import {
  applied,
  ds4,
  ds4Json,
  ds4Running,
  eventually,
  hosts,
  mode,
  on,
  site,
  startApplied,
  startClean,
  thorough,
  viaTunnel,
} from "../machines.js";
import type { LabHost } from "../modes.js";
import { snapshots } from "../snapshot.js";
import { expectNoPath, expectPath } from "../visitor.js";

/**
 * All hosts are as before or fully applied, whatever goes wrong. A bounded part runs with the other tests;
 * `scripts/faults` runs all: every fault at every marker of every change, on each host.
 */
const everything = process.env.DS4_FAULTS === "all";
const pattern = new RegExp(process.env.DS4_FAULTS_PATTERN ?? "");
const [part = 1, parts = 1] = (process.env.DS4_FAULTS_PART ?? "1/1").split("/").map(Number);
let matching = 0;
/** Which of all are wanted: by their names in the table, and of those each N-th. To be asked once for each, in order. */
const wanted = (name: string) => pattern.test(name) && matching++ % parts === part - 1;
/** A relay takes a package, which an emulated machine installs slowly. */
const confirmWithin = viaTunnel ? 60 : 120;

type Row = { readonly fault: string; readonly ended: string; readonly seconds: number };
const rows: Row[] = [];
let clean: readonly string[];

/** Which of the two states all hosts are in, or what is neither. */
async function stateOfAll(): Promise<string> {
  const status = await ds4Json("status", site);
  if (status.result === "in-sync") {
    await eventually(20, expectPath);
    return "applied";
  }
  const now = await snapshots();
  if (now.every((text, at) => text === clean[at])) return "before";
  const differs = now.flatMap((text, at) => {
    const then = new Set(clean[at]?.split("\n"));
    return text.split("\n").filter((line) => !then.has(line));
  });
  return `neither: ${differs.slice(0, 8).join(" | ")}`;
}

/** What a host says that waits for a confirmation, or has the lock of a run that is dead. */
const progress = `if [ -e /etc/ds4-undo ]; then echo armed; exit; fi
read -r now _ </proc/uptime; until=$(sed -n 's/^until=//p' /var/run/ds4/lock 2>/dev/null)
[ "\${until:-0}" -gt "\${now%%.*}" ] && echo locked || echo settled`;

/** Waits until nothing of the change is at work any more; in seconds. */
async function settled(since: number, limit: number): Promise<number> {
  await eventually(limit, async () => {
    for (const host of mode.hosts) {
      const { stdout } = await on(host, progress);
      expect(`${host} ${stdout.trim()}`).toBe(`${host} settled`);
    }
  });
  return Math.round((Date.now() - since) / 1000);
}

function report(fault: string, ended: string, seconds: number): void {
  rows.push({ fault, ended, seconds });
  if (process.env.DS4_FAULTS_TABLE)
    appendFileSync(process.env.DS4_FAULTS_TABLE, `${ended.padEnd(8)} ${seconds} s  ${fault}\n`);
}

/** The lines that ds4 prints for each thing it changes on a host, in their order; `confirming` stands for the end. */
async function markersOf(command: "apply" | "teardown") {
  const { changes } = command === "apply" ? await ds4Json("plan", site) : await teardownPlan();
  const lines = changes.map(({ host, step, id }) => ({
    host: host as LabHost,
    line: `${host}: ${step} ${id}`,
  }));
  const phases = ["arming", "changing", "proving", "confirming"].flatMap((word) =>
    mode.hosts.map((host) => ({ host, line: `${hosts}: ${word}` })),
  );
  return [...lines, ...phases];
}

async function teardownPlan() {
  const inverse = await ds4Json("teardown", site, "--yes");
  await startApplied();
  return inverse;
}

/** The state in which a change has everything to do. */
async function start(command: "apply" | "teardown"): Promise<void> {
  if (command === "apply") await startClean();
  else await startApplied();
}

const title = (command: string, fault: (typeof faults)[number], host: string, marker: string) =>
  `${command}: ${fault.name} (${host}) at '${marker}'`;

/** Makes the change, strikes at the marker, and tells in which state it ended. */
async function strike(
  command: "apply" | "teardown",
  fault: (typeof faults)[number],
  host: LabHost,
  marker: string,
): Promise<string> {
  let struck: Promise<void> | undefined;
  let since = Date.now();
  const { code } = await ds4Running(
    [command, site, "--yes", "--confirm-within", String(confirmWithin)],
    (line, child) => {
      if (struck !== undefined || !line.startsWith(marker)) return;
      since = Date.now();
      struck = Promise.resolve(fault.strike(host, child));
    },
  );
  expect(struck, `'${marker}' was printed`).toBeDefined();
  await struck;
  await fault.mend?.(host);
  const seconds = await settled(since, confirmWithin + 90);
  const ended = await stateOfAll();
  const done = ended === (command === "apply" ? "applied" : "before");
  report(title(command, fault, host, marker), ended, seconds);
  expect(ended).toMatch(/^(applied|before)$/);
  // What it said is what is: nothing else may be called a success.
  if (!fault.silent) expect(code === 0).toBe(done);
  return ended;
}

/** What is tried with the other tests: the change, the fault, its host, and the line that it waits for. */
type Part = readonly ["apply" | "teardown", string, LabHost, string];

const throughTunnel: readonly Part[] = (() => {
  const host = mode.hosts.at(-1) ?? "vps";
  const [killed, script] =
    host === "home" ? ["chains ipv4", "tunnel wrap1"] : ["uci firewall.ds4_zone", "uci network.ds4_tunnel"];
  return [
    ["apply", "the host's power cut", "vps", "vps: tunnel wrap1"],
    ["apply", "ds4 killed", host, `${host}: ${killed}`],
    ["apply", "Ctrl-C", "vps", `${hosts}: proving`],
    ["teardown", "the change script killed", host, `${host}: ${script}`],
  ];
})();

const relay: readonly Part[] = [["apply", "the host's power cut", "vps", "vps: socat tcp/80"]];

// Elsewhere on the host at home: the VPS's part is the same code as with a router.
const bounded = !viaTunnel ? relay : thorough ? throughTunnel : throughTunnel.slice(-1);

describe("a change in the middle of which something goes wrong", () => {
  beforeAll(async () => {
    await startClean();
    clean = await snapshots();
    await startApplied();
  });
  afterAll(() => {
    const count = (word: string) => rows.filter(({ ended }) => ended.startsWith(word)).length;
    const slowest = Math.max(0, ...rows.map(({ seconds }) => seconds));
    console.log(
      [
        ...rows.map(
          ({ fault, ended, seconds }) => `${ended.padEnd(8)} ${String(seconds).padStart(4)} s  ${fault}`,
        ),
        `faults tried: ${rows.length}, ended before: ${count("before")}, ended applied: ${count("applied")}, neither: ${count("neither")}, slowest recovery: ${slowest} s`,
      ].join("\n"),
    );
    expect(rows.length, "faults that match the pattern").toBeGreaterThan(0);
  });

  // Each goes on from where the one before it ended, if it can: nothing stands in the way of the next change.
  let state = "";
  test.skipIf(everything).each([...bounded])("%s: %s (%s) at %s", async (command, name, host, marker) => {
    const fault = faults.find((one) => one.name === name);
    if (fault === undefined) throw new Error(`no fault is called ${name}`);
    if (state !== (command === "apply" ? "before" : "applied")) await start(command);
    state = "";
    state = await strike(command, fault, host, marker);
    // Each strikes before the end: it is taken back.
    expect(state).toBe(command === "apply" ? "before" : "applied");
  });
  test.skipIf(everything || !thorough)(
    "after all of that, apply and teardown do what they always do",
    async () => {
      await applied();
      await expectPath();
      expect((await ds4("teardown", site, "--yes")).code).toBe(0);
      expect(await stateOfAll()).toBe("before");
    },
  );

  test.runIf(everything).each(["apply", "teardown"] as const)(
    "%s: every fault at every marker on each host",
    { timeout: 0 },
    async (command) => {
      await start(command);
      const markers = await markersOf(command);
      for (const { host, line } of markers) {
        for (const fault of faults) {
          const name = title(command, fault, host, line);
          if (!wanted(name)) continue;
          await start(command);
          try {
            await strike(command, fault, host, line);
            // And nothing stands in the way of the next one.
            await applied();
          } catch (error) {
            report(name, `neither: ${String(error).split("\n")[0]}`, 0);
          }
        }
      }
      expect(rows.filter(({ ended }) => ended.startsWith("neither"))).toEqual([]);
    },
  );

  test.each(conditions.filter(({ name, seldom }) => (everything ? wanted(name) : thorough && !seldom)))(
    "$name",
    async ({ name, prepare, mend, ends }) => {
      await startClean();
      await prepare();
      const since = Date.now();
      const ended = await ds4("apply", site, "--yes", "--confirm-within", ends === "applied" ? "300" : "120");
      await mend?.();
      const seconds = await settled(since, 150);
      const state = await stateOfAll();
      report(name, state, seconds);
      expect({ state, success: ended.code === 0 }, ended.stderr).toEqual({
        state: ends,
        success: ends === "applied",
      });
      if (ends === "before") {
        // The cause and what to do, and no success.
        expect(ended.stderr).toMatch(/error: /);
        expect(ended.stderr).toContain("→");
        await expectNoPath();
      }
    },
  );
});
