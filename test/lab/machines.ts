import { type ChildProcess, execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect } from "vitest";
import { resultSchema } from "../../src/report/result.js";
import { everything, type LabHost, type Mode, type ModeName, modes } from "./modes.js";

const run = promisify(execFile);
export const root = fileURLToPath(new URL("../..", import.meta.url));
/** Where several test files run at once, each has a lab of its own. */
const worker = Number(process.env.VITEST_POOL_ID ?? 1);
const stateFolder =
  (process.env.DS4_LAB_DIR ?? `${process.env.XDG_STATE_HOME ?? `${homedir()}/.local/state`}/ds4-lab`) +
  (worker > 1 ? `-${worker}` : "");

/** The lab's ssh_config: hosts `vps`, `vps6`, `vps-admin`, `router` or `home`, `world`. */
export const sshConfig = `${stateFolder}/ssh_config`;

const modeName = (process.env.DS4_LAB_MODE ?? "router") as ModeName;
export const mode: Mode = modes[modeName];

/** Whether the tests of every mode leave nothing out: what is the same code in another mode is tried there. */
export const thorough = everything || modeName === "router";

/** The site's file as it is shipped, under its name. */
export const { site } = mode;

/** Not so with a relay, which changes nothing at home. */
export const viaTunnel = mode.hosts.length > 1;

/** The hosts' names as ds4 puts them before what it does on all of them. */
export const hosts = mode.hosts.join(", ");

/** The two machines that a user has, whether the mode changes both or not. */
export const machines: readonly LabHost[] = ["vps", mode.home === "linux" ? "home" : "router"];

const folder = mkdtempSync(join(tmpdir(), "ds4-site-"));
process.on("exit", () => rmSync(folder, { recursive: true }));

/** A site in the place of the mode's, of these lines: the arguments that name it. */
export function writeSite(...lines: readonly string[]): readonly string[] {
  writeFileSync(join(folder, `${site}.yaml`), `${lines.join("\n")}\n`);
  return [site, "-i", folder];
}

/** One with the lab's VPS. */
export const siteOf = (...lines: readonly string[]) => writeSite("vps: { ssh: vps }", ...lines);

/** The same with the lab's router. */
export const routerSite = (...lines: readonly string[]) => siteOf("router: { ssh: router }", ...lines);

export type Ended = { readonly stdout: string; readonly stderr: string; readonly code: number };

async function end(file: string, args: readonly string[], input = ""): Promise<Ended> {
  const env = { ...process.env, DS4_LAB_DIR: stateFolder };
  const work = run(file, [...args], { cwd: root, env, maxBuffer: 64 << 20 });
  work.child.stdin?.on("error", () => {}); // a command may end before it has read
  work.child.stdin?.end(input);
  try {
    return { ...(await work), code: 0 };
  } catch (error) {
    const { stdout = "", stderr = "", code } = error as { stdout?: string; stderr?: string; code?: unknown };
    if (typeof code !== "number") throw error;
    return { stdout, stderr, code };
  }
}

/** `scripts/lab …`. @throws when it fails: then the lab is broken, not ds4. */
export async function lab(...args: readonly string[]): Promise<string> {
  const ended = await end(`${root}/scripts/lab`, args);
  if (ended.code !== 0) throw new Error(`lab ${args.join(" ")}: ${ended.stdout}${ended.stderr}`);
  return ended.stdout;
}

/** Runs shell lines on a machine, or in a namespace of the world. */
export function on(machine: string, script: string): Promise<Ended> {
  return end(`${root}/scripts/lab`, ["ssh", machine, "sh -s"], script);
}

/** The same where it must work: resolves to its output without the last newline. */
export async function must(machine: string, script: string): Promise<string> {
  const { stdout, stderr, code } = await on(machine, script);
  if (code !== 0) throw new Error(`${machine}: ${script}\nexit ${code}: ${stdout}${stderr}`);
  return stdout.replace(/\n$/, "");
}

/** Runs ds4 as a user would, on the lab's hosts. */
export function ds4(...args: readonly string[]): Promise<Ended> {
  return end("node", ds4Arguments(args));
}

function ds4Arguments(args: readonly string[]): readonly string[] {
  const more = isChange(args) && !args.includes("--confirm-within") ? patience : [];
  const config = args.includes("-F") ? [] : ["-F", sshConfig];
  return [`${root}/dist/cli.js`, ...args, ...more, ...config];
}

/** ds4 while it runs: `onLine` sees each line that it prints as it comes. */
export function ds4Running(
  args: readonly string[],
  onLine: (line: string, child: ChildProcess) => void,
): Promise<Ended> {
  const child = spawn("node", ds4Arguments(args), { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
  const text = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"] as const) {
    let rest = "";
    child[stream].setEncoding("utf8").on("data", (chunk: string) => {
      text[stream] += chunk;
      const lines = (rest + chunk).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) onLine(line, child);
    });
  }
  return new Promise((resolve) =>
    child.on("close", (code, signal) => resolve({ ...text, code: signal ? 128 : (code ?? 1) })),
  );
}

/** How long the switches wait in tests: a machine that is emulated takes its time. */
const patience = ["--confirm-within", "600"];
const isChange = (args: readonly string[]) => args[0] === "apply" || args[0] === "teardown";

/** `ds4 … --json`, of the documented form, and with the exit code that it names. */
export async function ds4Json(...args: readonly string[]) {
  const { stdout, stderr, code } = await ds4(...args, "--json");
  if (stdout === "") throw new Error(`ds4 ${args.join(" ")}: exit ${code}, without a word: ${stderr}`);
  const result = resultSchema.parse(JSON.parse(stdout));
  expect(code, stderr).toBe(result.exitCode);
  return result;
}

/** Brings the lab's site up. @throws with what ds4 said where that fails. */
export async function applied(): Promise<void> {
  const { stdout, stderr, code } = await ds4("apply", site, "--yes");
  if (code !== 0) throw new Error(`ds4 apply: exit ${code}\n${stdout}${stderr}`);
}

/**
 * Puts the lab into a state that takes long to come to: the first time by `make`, from a clean one, then by a snapshot,
 * whose name says what the state was made of.
 */
export async function startFrom(
  name: string,
  madeOf: string,
  make: () => Promise<unknown>,
  clean: () => Promise<unknown> = () => lab("reset"),
): Promise<void> {
  const snapshot = `${name}-${createHash("sha256").update(madeOf).digest("hex").slice(0, 12)}`;
  if ((await end(`${root}/scripts/lab`, ["load", snapshot])).code === 0) return;
  await clean();
  await make();
  await lab("save", snapshot);
}

/** What a relay's user has to do at home beforehand: the router lets the ports in to both servers by IPv6. */
const letIn = `for n in 210 211; do uci -q batch <<UCI
set firewall.in$n=rule
set firewall.in$n.name='in$n'
set firewall.in$n.src='wan'
set firewall.in$n.dest='lan'
set firewall.in$n.family='ipv6'
set firewall.in$n.proto='tcp udp'
set firewall.in$n.dest_ip='2001:db8:100::$n'
set firewall.in$n.dest_port='80 443 9000'
set firewall.in$n.target='ACCEPT'
UCI
done
uci commit firewall; /etc/init.d/firewall reload >/dev/null 2>&1; sleep 2`;

const legacy = "for t in iptables ip6tables; do update-alternatives --set $t /usr/sbin/$t-legacy; done";

/** The state in which ds4 has done nothing yet. */
export async function startClean(): Promise<void> {
  if (!viaTunnel) await startFrom("let-in", letIn, () => must("router", letIn));
  else if (mode.iptables === "legacy") await startFrom("legacy", legacy, () => must("vps", legacy));
  else await lab("reset");
}

/** The state that `applied` leaves. */
export async function startApplied(): Promise<void> {
  const paths = readdirSync(`${root}/dist`, { recursive: true, encoding: "utf8" }).sort();
  const code = paths
    .filter((path) => path.endsWith(".js"))
    .map((path) => readFileSync(`${root}/dist/${path}`, "utf8"));
  await startFrom("applied", [site, ...code].join("\n"), applied, startClean);
}

/** Tries again until it holds, for what takes a moment after a reboot or a reload. */
export async function eventually<T>(seconds: number, attempt: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
  }
}

/** Reboots machines as a user would, all at once, and waits until they are back. */
export async function reboot(...machines: readonly string[]): Promise<void> {
  const bootId = (machine: string) => must(machine, "cat /proc/sys/kernel/random/boot_id");
  const boots = await Promise.all(machines.map(bootId));
  // A moment later: to a connection that is open, a machine that goes away says nothing.
  await Promise.all(machines.map((name) => on(name, "sync; (sleep 1; reboot) >/dev/null 2>&1 &")));
  await Promise.all(
    machines.map((name, at) =>
      eventually(180, async () => {
        if ((await bootId(name)) === boots[at]) throw new Error(`${name} is still to reboot`);
      }),
    ),
  );
}

/** A command on a machine that runs until `stop`, which resolves to its output. */
export function background(machine: string, script: string): { stop(): Promise<string> } {
  const child = spawn(`${root}/scripts/lab`, ["ssh", machine, script], {
    env: { ...process.env, DS4_LAB_DIR: stateFolder },
    // Not its standard error: the shared connection that it may open holds that for minutes.
    stdio: ["ignore", "pipe", "ignore"],
    // A group of its own, so that `ssh` ends with it.
    detached: true,
  });
  let output = "";
  child.stdout.on("data", (chunk) => {
    output += chunk;
  });
  const closed = new Promise<void>((resolve) => child.on("close", () => resolve()));
  return {
    stop: async () => {
      if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid);
      await closed;
      return output;
    },
  };
}
