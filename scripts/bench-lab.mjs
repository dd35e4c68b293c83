// What the parts of scripts/bench do in the lab, which is up by then.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

export const folder = process.env.DS4_LAB_DIR;
export const sshConfig = `${folder}/ssh_config`;

/** Runs a command: what it printed, and its wall time in seconds. @throws where it fails. */
export function run(command, args, input = "") {
  const begin = process.hrtime.bigint();
  const { status, stdout, stderr, error } = spawnSync(command, args, { input, encoding: "utf8", maxBuffer: 64 << 20 });
  const seconds = Number(process.hrtime.bigint() - begin) / 1e9;
  if (error || status !== 0) throw new Error(`${command} ${args.join(" ")}: exit ${status}\n${error ?? stderr}`);
  return { stdout, seconds };
}

export const lab = (...args) => run("scripts/lab", args);
export const on = (machine, script) => run("scripts/lab", ["ssh", machine, "sh -es"], script).stdout;
export const ds4 = (...args) => run("node", ["dist/cli.js", ...args, "-F", sshConfig]);
export const apply = (...args) => ds4("apply", ...args, "--yes", "--confirm-within", "300");

/** Seconds for which a machine's emulated processor has worked so far. */
export function processorSeconds(machine) {
  const pid = readFileSync(`${folder}/${machine}.pid`, "utf8").trim();
  const [user, system] = readFileSync(`/proc/${pid}/stat`, "utf8").replace(/^.*\) /, "").split(" ").slice(11);
  return (Number(user) + Number(system)) / 100;
}

export const say = (text) => process.stderr.write(`bench: ${text}\n`);
export const column = (number, digits = 2) => number.toFixed(digits).padStart(9);
