import { execFile } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Outcome } from "./recording.js";

const run = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), "ds4-client-"));

async function end(file: string, args: readonly string[], input = ""): Promise<Outcome> {
  const work = run(file, [...args], { maxBuffer: 64 << 20 });
  work.child.stdin?.on("error", () => {});
  work.child.stdin?.end(input);
  return work.then(
    (ended) => ({ ...ended, code: 0 }),
    (failed) => ({ stdout: failed.stdout, stderr: failed.stderr, code: failed.code }),
  );
}

/** OpenSSH towards the router with exactly the given keys, a connection for each call. */
export class SshClient {
  #settings = new Map<string, string>();

  /** Reads in an ssh_config how to reach the router, and which key it accepts. */
  async prepare(sshConfig: string): Promise<void> {
    const { stdout } = await run("ssh", ["-F", sshConfig, "-G", "router"]);
    this.#settings = new Map(
      stdout.split("\n").map((line) => {
        const [name = "", ...rest] = line.split(" ");
        return [name, rest.join(" ")] as const;
      }),
    );
  }

  /** The key that the router accepts. */
  get acceptedKey(): string {
    return this.#settings.get("identityfile") ?? "";
  }

  /** Makes a key that nobody knows, or one of another type. */
  async freshKey(type: string): Promise<{ file: string; publicKey: string }> {
    const file = join(folder, `${type}-${Math.random().toString(36).slice(2)}`);
    await run("ssh-keygen", [
      "-q",
      "-t",
      type,
      "-N",
      "",
      "-f",
      file,
      ...(type === "rsa" ? ["-b", "2048"] : []),
    ]);
    const { stdout } = await run("ssh-keygen", ["-y", "-f", file]);
    return { file, publicKey: stdout };
  }

  #options(keys: readonly string[], extra: readonly string[]): readonly string[] {
    const { hostname, port, proxycommand } = Object.fromEntries(this.#settings);
    const options = [
      `HostName=${hostname}`,
      `Port=${port}`,
      ...(proxycommand && proxycommand !== "none" ? [`ProxyCommand=${proxycommand}`] : []),
      ...["IdentitiesOnly=yes", "BatchMode=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null"],
      ...["LogLevel=ERROR", ...extra, ...keys.map((key) => `IdentityFile=${key}`)],
    ];
    return ["-F", "none", ...options.flatMap((option) => ["-o", option])];
  }

  /** Runs a command; the texts name the router as the recording does. */
  async exec(
    command: string,
    how: { input?: string; keys?: readonly string[]; options?: readonly string[]; user?: string } = {},
  ) {
    const { input, keys = [this.acceptedKey], options = [], user = "root" } = how;
    const ended = await end("ssh", [...this.#options(keys, options), `${user}@router`, command], input);
    const hostname = this.#settings.get("hostname") ?? "router";
    return { ...ended, stderr: ended.stderr.replaceAll(hostname, "router").replaceAll("\r", "") };
  }

  /** Copies a text to a file of the router with the old scp protocol. */
  scp(text: string, name: string): Promise<Outcome> {
    const file = join(folder, name);
    writeFileSync(file, text);
    return end("scp", ["-O", "-q", ...this.#options([this.acceptedKey], []), file, "root@router:/tmp/"]);
  }

  /** Opens an SFTP session. */
  sftp(): Promise<Outcome> {
    return end("sftp", ["-q", ...this.#options([this.acceptedKey], []), "root@router"], "ls\n");
  }
}
