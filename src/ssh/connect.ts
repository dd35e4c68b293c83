import { Socket } from "node:net";
import pRetry, { AbortError } from "p-retry";
import type { Client } from "ssh2";
import { ConnectError, Ds4Error } from "../core/errors.js";
import type { Peer, Shell } from "../core/shell.js";
import { jumpFailure } from "./failures.js";
import { type HostConfig, resolveHost } from "./host-config.js";
import { logIn } from "./log-in.js";
import type { Prompt } from "./prompt.js";
import { RemoteShell } from "./remote-shell.js";
import { realSurroundings, type Surroundings } from "./surroundings.js";
import { parseTarget, type SshTarget } from "./target.js";
import { openForward, openProxyCommand, openSocket } from "./transport.js";

export type ConnectOptions = {
  /** Which host it is, in messages: `vps`, `router` or `home`. */
  readonly label: string;
  /** Read this ssh_config alone, as `ssh -F` does. */
  readonly sshConfigFile?: string;
  /** Take an unknown host key without asking, and remember it. A changed one is refused all the same. */
  readonly acceptNewHostKey?: boolean;
  /** Absent where nobody can be asked. */
  readonly prompt?: Prompt;
  /** Told what happened on the way: a host key remembered, a connection tried again. */
  readonly onNotice?: (text: string) => void;
  /** How often a host that can't be reached is tried again; default 2. */
  readonly retries?: number;
  /** For each step of connecting; default ssh_config's ConnectTimeout, or 20,000. */
  readonly connectTimeoutMs?: number;
  /** For the whole log-in; default 30,000. The time that a person types doesn't count. */
  readonly loginTimeoutMs?: number;
  /** How many scripts will be run, one after the other: their shells are opened together. Default 1. */
  readonly expectedRuns?: number;
  readonly surroundings?: Surroundings;
};

const CONNECT_TIMEOUT_MS = 20_000;
const RETRIES = 2;
const MAX_JUMPS = 8;

/** An open connection, and those that it goes through. */
type Connection = { readonly client: Client; readonly way: readonly Peer[]; readonly close: () => void };

/**
 * Connects as `ssh TARGET` would, and gives a shell there.
 * A host that can't be reached is tried again; a wrong key or a wrong host key is not. Throws a ConnectError.
 */
export async function connect(target: string | SshTarget, options: ConnectOptions): Promise<Shell> {
  const parsed = typeof target === "string" ? parseTarget(target) : target;
  const surroundings = options.surroundings ?? realSurroundings();
  const host = resolveHost(parsed, surroundings, options.sshConfigFile);
  const context = { options, surroundings, notice: options.onNotice ?? (() => {}) };
  const attempt = async () => {
    try {
      return await openConnection(host, context, []);
    } catch (error) {
      if (error instanceof ConnectError && error.kind === "unreachable") throw error;
      throw new AbortError(error as Error);
    }
  };
  const connection = await pRetry(attempt, {
    retries: options.retries ?? RETRIES,
    minTimeout: 300,
    onFailedAttempt: ({ error, retriesLeft }) => {
      if (retriesLeft > 0) context.notice(`${error.message}; trying again`);
    },
  });
  return new RemoteShell(options.label, host, connection, options.expectedRuns ?? 1);
}

type Context = {
  readonly options: ConnectOptions;
  readonly surroundings: Surroundings;
  readonly notice: (text: string) => void;
};

/** `onTheWay` are the hosts that wait for this one, to find a circle of jump hosts. */
async function openConnection(
  host: HostConfig,
  context: Context,
  onTheWay: readonly string[],
): Promise<Connection> {
  const upstream = await openUpstream(host, context, onTheWay);
  try {
    const timeoutMs = context.options.connectTimeoutMs ?? host.connectTimeoutMs ?? CONNECT_TIMEOUT_MS;
    const stream =
      upstream !== undefined
        ? await openForward(upstream.connection.client, upstream.name, host, timeoutMs)
        : host.proxyCommand !== undefined
          ? openProxyCommand(host, host.proxyCommand)
          : await openSocket(host, timeoutMs);
    const address = (stream instanceof Socket && stream.remoteAddress) || host.host;
    const from = stream instanceof Socket ? stream.localAddress : undefined;
    const way = [
      ...(upstream?.connection.way ?? []),
      ...(host.proxyCommand === undefined
        ? [{ address, port: host.port, ...(from === undefined ? {} : { from }) }]
        : []),
    ];
    const client = await logIn(host, stream, { ...context.options, notice: context.notice, timeoutMs });
    const close = () => {
      client.end();
      // Not waiting for the other side to say good-bye saves a round trip.
      setImmediate(() => client.destroy());
      upstream?.connection.close();
    };
    return { client, way, close };
  } catch (error) {
    upstream?.connection.close();
    throw error;
  }
}

/** Connects to the last jump host, through the ones before it. */
async function openUpstream(host: HostConfig, context: Context, onTheWay: readonly string[]) {
  const jump = host.jumps.at(-1);
  if (jump === undefined) return undefined;
  if (onTheWay.length >= MAX_JUMPS)
    throw new Ds4Error(`the jump hosts of ${onTheWay[0]} lead in a circle: ${onTheWay.join(", ")}`, {
      hint: "Look at ProxyJump in ssh_config.",
    });
  const own = resolveHost(jump, context.surroundings, context.options.sshConfigFile);
  const before = host.jumps.slice(0, -1);
  const config = before.length > 0 ? { ...own, jumps: before } : own;
  try {
    const connection = await openConnection(config, context, [...onTheWay, host.text]);
    return { name: jump.text, connection };
  } catch (error) {
    throw jumpFailure(error, host.text);
  }
}
