import type { Client, ClientChannel } from "ssh2";
import { ConnectError } from "../core/errors.js";
import type { HostConfig } from "./host-config.js";

// sudo takes SSH_CONNECTION away; the script needs it to keep the session's own port open.
const ROOT_COMMAND = "sh -s";
const SUDO_COMMAND = 'sudo -n env SSH_CONNECTION="$SSH_CONNECTION" sh -s';

const OPEN_TRIES = 5;

/**
 * Shells that wait for a script, each in a channel of its own. Opening one takes two round trips: all that will be
 * needed are opened at once, before the first is asked for, and a run that comes later takes a single round trip.
 *
 * All at once also because dropbear (2022.82 to 2024.85, mkj/dropbear#326) closes a channel that is opened, but
 * has no shell yet, when a process of another channel ends: none has a script before all have their shells.
 */
export class ShellChannels {
  readonly #client: Client;
  readonly #host: HostConfig;
  readonly #ready: Promise<() => ClientChannel | undefined>[];

  constructor(client: Client, host: HostConfig, expectedRuns: number) {
    this.#client = client;
    this.#host = host;
    this.#ready = Array.from({ length: expectedRuns }, () => this.#openAhead());
  }

  /** A shell that has read nothing yet. Throws a ConnectError. */
  async take(): Promise<ClientChannel> {
    const ready = await this.#ready.shift();
    return ready?.() ?? this.#openAgain();
  }

  /** A shell that isn't given has read no script: asking again is safe. See above for when that helps. */
  async #openAgain(): Promise<ClientChannel> {
    for (let tries = 1; tries < OPEN_TRIES; tries++) {
      const channel = await this.#open().catch(() => undefined);
      if (channel !== undefined) return channel;
    }
    return this.#open();
  }

  /** Nobody waits for it yet: one that fails or ends early just isn't there when it is wanted. */
  async #openAhead(): Promise<() => ClientChannel | undefined> {
    let ended = false;
    const channel = await this.#open(() => {
      ended = true;
    }).catch(() => undefined);
    return () => (ended || !channel?.writable ? undefined : channel);
  }

  #open(onExit?: () => void): Promise<ClientChannel> {
    const { user, text } = this.#host;
    return new Promise((resolve, reject) => {
      const fail = (cause: Error) =>
        reject(
          new ConnectError(text, "protocol", `${text} starts no shell: ${cause.message}`, {
            hint: `Does \`ssh ${text} true\` work?`,
            cause,
          }),
        );
      try {
        this.#client.exec(user === "root" ? ROOT_COMMAND : SUDO_COMMAND, (error, channel) => {
          if (error) return fail(error);
          // At once: its end may have come along with its beginning.
          if (onExit !== undefined) channel.once("exit", onExit).on("error", onExit);
          resolve(channel);
        });
      } catch (error) {
        fail(error as Error); // ssh2 throws when it isn't connected
      }
    });
  }
}
