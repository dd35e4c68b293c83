import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { relayScript, stopRelay } from "../../../src/bench/relay.js";
import { runFolder } from "../../../src/core/dead-man-switch.js";
import { runScript, shells } from "../../shells.js";

/** Stands for the VPS: its commands that only note what they are asked, and its folder of what runs. */
const folder = mkdtempSync(join(tmpdir(), "ds4-relay-"));
const log = join(folder, "log");
const inFolder = (script: string) =>
  script.replace("PATH=", `PATH=${folder}:`).replaceAll(runFolder, join(folder, "run"));

beforeAll(() => {
  const commands = { socat: "exec sleep 60", ss: "echo LISTEN 0 0 *:22 *:*", iptables: `echo "$*" >>${log}` };
  for (const [name, does] of Object.entries(commands))
    writeFileSync(join(folder, name), `#!/bin/sh\n${does}\n`, { mode: 0o755 });
});
afterAll(() => rmSync(folder, { recursive: true }));

it.each([
  ["is stopped", (run: string) => void runScript(shells[0], inFolder(stopRelay(run)))],
  // As when its connection breaks off.
  ["has nobody who reads what it prints", (_: string, close: () => void) => close()],
])("takes away what it made when it %s", async (_, endIt) => {
  rmSync(log, { force: true });
  const to = { listen: "203.0.113.144", server: "home.example", port: 443, seconds: 30 };
  const child = spawn("sh", ["-s"], { stdio: ["pipe", "pipe", "ignore"] });
  const ended = new Promise<void>((resolve) => child.on("exit", () => resolve()));
  const ready = new Promise<void>((resolve) => child.stdout.once("data", () => resolve()));
  child.stdin.end(inFolder(relayScript({ ...to, run: "1a2b" })));
  await ready;
  // Another run's end is not this one's.
  runScript(shells[0], inFolder(stopRelay("3c4d")));
  expect(existsSync(join(folder, "run", "bench-1a2b"))).toBe(true);
  const begun = Date.now();
  endIt("1a2b", () => child.stdout.destroy());
  await ended;
  expect(Date.now() - begun).toBeLessThan(15_000);
  const rules = readFileSync(log, "utf8").trim().split("\n");
  expect(rules.slice(2)).toEqual(rules.slice(0, 2).map((rule) => rule.replace("-I", "-D")));
  expect(readdirSync(join(folder, "run"))).toEqual([]);
});
