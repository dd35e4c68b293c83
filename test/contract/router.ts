import { execFile, spawn } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Outcome } from "./recording.js";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../..", import.meta.url));
/** Beside the lab that the user may have up. */
const stateFolder = `${process.env.DS4_LAB_DIR ?? `${process.env.XDG_STATE_HOME ?? `${homedir()}/.local/state`}/ds4-lab`}-contract`;

/** Seconds to wait. */
export const sleep = (seconds: number) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

/** The router under test, reached as root by OpenSSH: one connection, each command in its own channel. */
export class Router {
  readonly #control = join(mkdtempSync(join(tmpdir(), "ds4-contract-")), "%n");
  /** OpenSSH's configuration with a Host `router`. */
  readonly sshConfig: string;

  /** The router of the lab whose state is in this folder; the lab need not be up yet. */
  constructor(readonly labFolder = stateFolder) {
    this.sshConfig = `${labFolder}/ssh_config`;
  }

  async #lab(...command: readonly string[]): Promise<void> {
    const env = { ...process.env, DS4_LAB_DIR: this.labFolder };
    await run(command[0] as string, command.slice(1), { cwd: root, env, maxBuffer: 64 << 20 });
  }

  #options(
    connection = ["ControlMaster=auto", `ControlPath=${this.#control}`, "ControlPersist=60"],
  ): readonly string[] {
    return [
      "-F",
      this.sshConfig,
      ...["BatchMode=yes", "LogLevel=ERROR", "ConnectTimeout=5", ...connection].flatMap((option) => [
        "-o",
        option,
      ]),
    ];
  }

  /** Runs a shell line and waits for its end; `stdin` is closed after the given text. */
  exec(command: string, stdin = "", options = this.#options()): Promise<Outcome> {
    const child = spawn("ssh", [...options, "router", command]);
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

  /** The same over a connection of its own, given up after 5 seconds, also when it falls silent later. */
  execAnew(command: string): Promise<Outcome> {
    const alive = ["ServerAliveInterval=3", "ServerAliveCountMax=1"];
    return this.exec(command, "", this.#options(["ControlPath=none", ...alive]));
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
    await this.up();
    await this.#lab("scripts/lab", "reset");
    await this.#lab("test/contract/peers");
    await this.answers();
  }

  /** Boots the lab, unless it is up. */
  up(): Promise<void> {
    return this.#lab("scripts/lab", "up");
  }

  /** Stops the lab's machines. */
  async stop(): Promise<void> {
    await this.disconnect();
    await this.#lab("scripts/lab", "down");
  }

  /** Reboots, and waits until SSH answers again. @throws when it doesn't. */
  async reboot(): Promise<void> {
    await this.exec("touch /tmp/before; (sleep 1; reboot) >/dev/null 2>&1 &");
    await this.disconnect();
    // A router that goes away says nothing to a connection that is open.
    for (let tries = 0; (await this.execAnew("[ ! -e /tmp/before ]")).code !== 0; tries++) {
      if (tries === 90) throw new Error(`the router doesn't reboot (${this.sshConfig})`);
      await sleep(1);
    }
    await this.answers();
  }

  /** Waits until a login works. @throws after 90 seconds. */
  async answers(): Promise<void> {
    for (let tries = 0; tries < 90; tries++) {
      if ((await this.exec("true")).code === 0) return;
      await sleep(1);
    }
    throw new Error(`the router doesn't answer SSH (${this.sshConfig})`);
  }
}

/** Routers of several labs, each for one user at a time: a replay mostly sleeps, so they don't get in each other's way. */
export class Routers {
  readonly #all: readonly Router[];
  readonly #free: Router[];
  readonly #waiting: ((router: Router) => void)[] = [];
  #booting = Promise.resolve();

  constructor(count: number) {
    this.#all = Array.from(
      { length: count },
      (_, i) => new Router(stateFolder + (i === 0 ? "" : `-${i + 1}`)),
    );
    this.#free = [...this.#all];
  }

  async take(): Promise<Router> {
    const router =
      this.#free.shift() ?? (await new Promise<Router>((resolve) => this.#waiting.push(resolve)));
    // One after the other: two that boot at once may choose the same ports.
    this.#booting = this.#booting.then(() => router.up());
    await this.#booting;
    return router;
  }

  giveBack(router: Router): void {
    const next = this.#waiting.shift();
    if (next) next(router);
    else this.#free.push(router);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#all.map((router) => router.stop()));
  }
}
