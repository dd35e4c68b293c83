import { constants } from "node:os";
import { StringDecoder } from "node:string_decoder";
import type { ClientChannel } from "ssh2";
import { ConnectError, HostError } from "../core/errors.js";
import { excerpt } from "../core/printable.js";
import type { RunOptions, RunResult } from "../core/shell.js";
import type { HostConfig } from "./host-config.js";

const TIMEOUT_MS = 120_000;
const MAX_BYTES = 4 * 1024 * 1024;
/** After the exit status, a process left in the background may hold the output open. */
const LINGER_MS = 1_000;

type Outcome = { done(result: RunResult): void; failed(error: Error): void };

/** One script on its way: its output, its bounds and its end. */
export class ScriptRun {
  readonly #host: HostConfig;
  readonly #options: RunOptions;
  readonly #outcome: Outcome;
  readonly #stdout: Buffer[] = [];
  readonly #stderr: Buffer[] = [];
  readonly #timer: NodeJS.Timeout;
  readonly #decoder = new StringDecoder("utf8");
  #channel: ClientChannel | undefined;
  #bytes = 0;
  #line = "";
  #code: number | undefined;
  #linger: NodeJS.Timeout | undefined;
  #settled = false;

  constructor(host: HostConfig, options: RunOptions, outcome: Outcome) {
    this.#host = host;
    this.#options = options;
    this.#outcome = outcome;
    const timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
    this.#timer = setTimeout(
      () =>
        this.fail(
          new ConnectError(
            host.text,
            "timeout",
            `a script on ${host.text} didn't end within ${timeoutMs / 1000} s`,
            {
              hint: "It may still be running there: `ds4 status` shows how things stand.",
            },
          ),
        ),
      timeoutMs,
    );
  }

  start(channel: ClientChannel, script: string): void {
    this.#channel = channel;
    if (this.#settled) {
      channel.destroy();
      return;
    }
    channel.stderr.on("data", (data: Buffer) => this.#take(data, this.#stderr));
    channel.on("data", (data: Buffer) => this.#take(data, this.#stdout));
    channel.on("exit", (code: number | null, signal?: string) => {
      this.#code = exitStatus(code, signal);
      this.#waitForRest();
    });
    channel.on("error", () => {}); // the shell ended before it read all; its status tells more
    channel.on("close", (code?: number | null, signal?: string) => {
      // Said again here, for a shell that ended before it was given a script (sudo that refuses).
      this.#code ??= exitStatus(code, signal);
      setImmediate(() => this.#finish()); // what is left on standard error comes first
    });
    channel.end(script);
  }

  /** A script that had already said how it ended did end. */
  connectionEnded(error: Error): void {
    if (this.#code === undefined) this.fail(error);
    else this.#finish();
  }

  fail(error: Error): void {
    this.#settle(() => {
      this.#channel?.destroy();
      this.#outcome.failed(error);
    });
  }

  #take(data: Buffer, into: Buffer[]): void {
    if (this.#settled) return;
    const maxBytes = this.#options.maxBytes ?? MAX_BYTES;
    this.#bytes += data.length;
    if (this.#bytes > maxBytes) {
      const { text } = this.#host;
      this.fail(
        new ConnectError(text, "protocol", `${text} sends more than ${maxBytes} bytes`, {
          hint: `Does \`ssh ${text} true\` print anything endlessly?`,
        }),
      );
      return;
    }
    into.push(data);
    if (into === this.#stdout) this.#takeLines(this.#decoder.write(data));
    if (this.#code !== undefined) this.#waitForRest();
  }

  #takeLines(text: string): void {
    const { onLine } = this.#options;
    if (onLine === undefined) return;
    const lines = (this.#line + text).split("\n");
    this.#line = lines.pop()!;
    try {
      for (const line of lines) onLine(line);
    } catch (error) {
      this.fail(error as Error);
    }
  }

  #waitForRest(): void {
    clearTimeout(this.#linger);
    this.#linger = setTimeout(() => this.#finish(), LINGER_MS);
  }

  #finish(): void {
    const stdout = Buffer.concat(this.#stdout).toString("utf8");
    const stderr = Buffer.concat(this.#stderr).toString("utf8");
    const code = this.#code;
    const { text, user } = this.#host;
    if (code === undefined) {
      this.fail(
        new ConnectError(text, "protocol", `a script on ${text} ended without an exit status`, {
          hint: "It was killed, or the host is going down: `ds4 status` shows how things stand.",
        }),
      );
    } else if (user !== "root" && code !== 0 && stdout === "" && /(^|\s)sudo: /m.test(stderr)) {
      this.fail(
        new HostError(`${user} on ${text} can't become root: ${excerpt(stderr)}`, {
          hint: `Log in as root, or let ${user} use sudo without a password: \`${user} ALL=(ALL) NOPASSWD: ALL\` by visudo.`,
        }),
      );
    } else {
      this.#settle(() => {
        this.#channel?.close();
        this.#outcome.done({ stdout, stderr, code });
      });
    }
  }

  #settle(finish: () => void): void {
    if (this.#settled) return;
    this.#settled = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#linger);
    finish();
  }
}

/** As a shell tells it; undefined when the host said nothing. */
function exitStatus(code: number | null | undefined, signal: string | undefined): number | undefined {
  if (typeof code === "number") return code;
  return signal === undefined ? undefined : 128 + (constants.signals[signal as NodeJS.Signals] ?? 0);
}
