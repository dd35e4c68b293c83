import type { Client } from "ssh2";
import { ConnectError } from "../core/errors.js";
import type { Peer, RunOptions, RunResult, Shell } from "../core/shell.js";
import type { HostConfig } from "./host-config.js";
import { ScriptRun } from "./script-run.js";
import { ShellChannels } from "./shell-channels.js";

type Connection = { readonly client: Client; readonly way: readonly Peer[]; readonly close: () => void };

/** A root shell at the end of one SSH connection. */
export class RemoteShell implements Shell {
  readonly label: string;
  readonly way: readonly Peer[];
  readonly #host: HostConfig;
  readonly #connection: Connection;
  readonly #channels: ShellChannels;
  readonly #running = new Set<ScriptRun>();
  /** Why nothing can be run any more. */
  #over: ConnectError | undefined;

  constructor(label: string, host: HostConfig, connection: Connection, expectedRuns: number) {
    this.label = label;
    this.way = connection.way;
    this.#host = host;
    this.#connection = connection;
    this.#channels = new ShellChannels(connection.client, host, expectedRuns);
    let cause: Error | undefined;
    connection.client.on("error", (error) => {
      cause ??= error;
    });
    connection.client.on("close", () => this.#end(this.#lost(cause)));
  }

  async close(): Promise<void> {
    this.#end(
      new ConnectError(this.#host.text, "protocol", `the connection to ${this.#host.text} is closed`),
    );
    this.#connection.close();
  }

  run(script: string, options: RunOptions = {}): Promise<RunResult> {
    if (this.#over !== undefined) return Promise.reject(this.#over);
    return new Promise((resolve, reject) => {
      const finish = (settle: () => void) => {
        this.#running.delete(run);
        settle();
      };
      const run = new ScriptRun(this.#host, options, {
        done: (result) => finish(() => resolve(result)),
        failed: (error) => finish(() => reject(error)),
      });
      this.#running.add(run);
      this.#channels.take().then(
        (channel) => run.start(channel, script),
        (error) => run.fail(this.#over ?? error),
      );
    });
  }

  #end(reason: ConnectError): void {
    this.#over ??= reason;
    for (const run of this.#running) run.connectionEnded(this.#over);
  }

  #lost(cause: Error | undefined): ConnectError {
    const { text } = this.#host;
    const why = cause === undefined ? "" : ` (${cause.message})`;
    return new ConnectError(text, "unreachable", `the connection to ${text} was lost${why}`, {
      hint: "What was being run there may have ended or not: `ds4 status` shows how things stand.",
      ...(cause !== undefined && { cause }),
    });
  }
}
