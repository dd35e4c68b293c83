import { execFile, spawn } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Outcome } from "./recording.js";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../..", import.meta.url));
const stateFolder =
  process.env.DS4_LAB_DIR ?? `${process.env.XDG_STATE_HOME ?? `${homedir()}/.local/state`}/ds4-lab`;

// To work on the stand-in outside of the lab: an ssh_config with a Host `router`, and what makes it new again.
/** The ssh_config that knows the router. */
export const sshConfig = process.env.DS4_CONTRACT_SSH_CONFIG ?? `${stateFolder}/ssh_config`;
const resetCommand = process.env.DS4_CONTRACT_RESET ?? "scripts/lab up && scripts/lab reset";
const peersCommand = process.env.DS4_CONTRACT_PEERS ?? "test/contract/peers";

/** Seconds to wait. */
export const sleep = (seconds: number) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

/** The router under test, reached as root by OpenSSH: one connection, each command in its own channel. */
export class Router {
  readonly #control = join(mkdtempSync(join(tmpdir(), "ds4-contract-")), "%n");

  #options(): readonly string[] {
    const mux = ["ControlMaster=auto", `ControlPath=${this.#control}`, "ControlPersist=60"];
    return [
      "-F",
      sshConfig,
      ...["BatchMode=yes", "LogLevel=ERROR", ...mux].flatMap((option) => ["-o", option]),
    ];
  }

  /** Runs a shell line and waits for its end; `stdin` is closed after the given text. */
  exec(command: string, stdin = ""): Promise<Outcome> {
    const child = spawn("ssh", [...this.#options(), "router", command]);
    const text = { stdout: "", stderr: "" };
    for (const name of ["stdout", "stderr"] as const) {
      child[name].setEncoding("utf8");
      child[name].on("data", (chunk: string) => {
        text[name] += chunk;
      });
    }
    child.stdin.on("error", () => {}); // the command may end before it has read
    child.stdin.end(stdin);
    return new Promise((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code) => resolve({ ...text, code: code ?? -1 }));
    });
  }

  /** @throws unless the command succeeds. */
  async must(command: string, stdin = ""): Promise<string> {
    const { stdout, stderr, code } = await this.exec(command, stdin);
    if (code !== 0) throw new Error(`${command}: exit ${code}: ${stdout}${stderr}`);
    return stdout;
  }

  /** Ends the connection; the next command opens a new one. */
  async disconnect(): Promise<void> {
    await run("ssh", [...this.#options(), "-O", "exit", "router"]).catch(() => {});
  }

  /** Gives a router as it was built, with the neighbours that the recordings had. */
  async reset(): Promise<void> {
    await this.disconnect();
    await run("sh", ["-c", resetCommand], { cwd: root, maxBuffer: 64 << 20 });
    await run("sh", ["-c", peersCommand], { cwd: root });
    await this.answers();
  }

  /** Reboots, and waits until SSH answers again. */
  async reboot(): Promise<void> {
    await this.exec("touch /tmp/before; reboot");
    await this.disconnect();
    for (let tries = 0; (await this.exec("ls /tmp/before")).code !== 2 && tries < 90; tries++) await sleep(1);
    await this.answers();
  }

  /** Waits until a login works. @throws after 90 seconds. */
  async answers(): Promise<void> {
    for (let tries = 0; tries < 90; tries++) {
      if ((await this.exec("true")).code === 0) return;
      await sleep(1);
    }
    throw new Error(`the router doesn't answer SSH (${sshConfig})`);
  }
}
