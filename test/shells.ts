import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** A folder in which every tool is BusyBox's, as on a router; undefined where it isn't installed. */
function busyboxTools(): string | undefined {
  const folder = fileURLToPath(new URL("../node_modules/.cache/busybox", import.meta.url));
  mkdirSync(folder, { recursive: true });
  // What is there already, it says and leaves alone.
  spawnSync("busybox", ["--install", "-s", folder]);
  // OpenWrt's BusyBox has it, Debian's doesn't.
  spawnSync("ln", ["-sf", "/usr/bin/flock", folder]);
  return existsSync(join(folder, "ash")) ? folder : undefined;
}

const tools = busyboxTools();

/** The shells that ds4's scripts meet: dash (or what `sh` is here) on a VPS, BusyBox ash on a router. */
export const shells = [
  { name: "sh", command: ["sh"], path: process.env.PATH, missing: false },
  { name: "BusyBox ash", command: [join(tools ?? "", "ash")], path: tools, missing: tools === undefined },
] as const;

export type TestShell = (typeof shells)[number];

/** A test's name with the reason why it is skipped, where it is. */
export const title = (shell: TestShell, text: string) =>
  `${text} in ${shell.name}${shell.missing ? " (skipped: busybox is not installed)" : ""}`;

/** Runs a script as ds4 does: by standard input of `sh -s`. */
export function runScript(shell: TestShell, script: string, ...options: readonly string[]) {
  const [file, ...args] = shell.command;
  const { stdout, stderr, status } = spawnSync(file, [...args, ...options, "-s"], {
    input: script,
    maxBuffer: 64 << 20,
    env: { PATH: shell.path, LC_ALL: "C" },
  });
  return { stdout: stdout.toString("utf8"), stderr: stderr.toString("utf8"), code: status };
}
