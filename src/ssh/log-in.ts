import type { Duplex } from "node:stream";
import ssh2 from "ssh2";
import { Authentication, passwordsOf } from "./authentication.js";
import { Deadline } from "./deadline.js";
import { authenticationFailure, connectFailure, type Phase, timeoutFailure } from "./failures.js";
import type { HostConfig } from "./host-config.js";
import { HostKeyCheck } from "./host-key.js";
import { findIdentities, LockedKeyError, unlockWith } from "./identities.js";
import { type Prompt, queued } from "./prompt.js";

/** The part of the options of connecting that the log-in needs. */
export type LogInOptions = {
  readonly acceptNewHostKey?: boolean;
  readonly prompt?: Prompt;
  readonly notice: (text: string) => void;
  /** Up to the end of the key exchange. */
  readonly timeoutMs: number;
  readonly loginTimeoutMs?: number;
};

const LOGIN_TIMEOUT_MS = 30_000;
const KEEPALIVE_MS = 10_000;
/** A router that restarts its network is back within half a minute: that must not end the session. */
const KEEPALIVES_MISSED = 6;

/**
 * Speaks SSH over `stream` up to the log-in. ssh2 gets the stream before anything is waited for: nobody else would
 * notice that it ends.
 */
export async function logIn(host: HostConfig, stream: Duplex, options: LogInOptions): Promise<ssh2.Client> {
  const deadline = new Deadline();
  /** Ends the log-in when a question is broken off (Ctrl-C); until there is a log-in, it ends by itself. */
  let breakOff: (reason: unknown) => void = () => {};
  const waitFor = <T>(answer: Promise<T>): Promise<T> =>
    deadline.pausedFor(answer).catch((reason) => {
      if (!(reason instanceof LockedKeyError)) breakOff(reason);
      throw reason;
    });
  const prompt = options.prompt && queued(options.prompt);
  const ask = prompt && {
    secret: (question: string) => waitFor(prompt.secret(question)),
    confirm: (question: string) => waitFor(prompt.confirm(question)),
  };
  const unlock = unlockWith(options.prompt);
  // The agent is asked while the host greets, and how long it takes is none of the host's doing.
  const identities = findIdentities(host, (path, content) => waitFor(unlock(path, content)));
  const authentication = new Authentication(
    host,
    () => waitFor(identities),
    ask,
    passwordsOf(options.prompt),
  );
  const hostKey = new HostKeyCheck(host, {
    acceptNew: options.acceptNewHostKey ?? false,
    ...(ask && { prompt: ask }),
    notice: options.notice,
  });
  const client = new ssh2.Client();

  return new Promise((resolve, reject) => {
    let phase: Phase = "greeting";
    /** Whether it has said that it is an SSH server: of one that then stalls, that isn't what is wrong. */
    let greeted = false;
    /** What went wrong without ending the log-in: a locked key, an agent that refused to sign. */
    const causes: unknown[] = [];
    let settled = false;
    const settle = (finish: () => void) => {
      if (settled) return;
      settled = true;
      deadline.clear();
      finish();
    };
    const fail = (error: unknown) =>
      settle(() => {
        reject(error);
        client.destroy();
        stream.destroy();
      });
    breakOff = fail;
    identities.catch(fail);
    const startDeadline = (ms: number) =>
      deadline.start(ms, () =>
        fail(timeoutFailure(host, phase === "greeting" && greeted ? "handshake" : phase, ms)),
      );
    const refused = () =>
      authenticationFailure(
        host,
        authentication.offered,
        authentication.methods,
        authentication.notes,
        causes,
      );

    client.on("error", (error: Error & { level?: string }) => {
      if (error.level === "agent")
        causes.push(error); // ssh2 goes on with the next key
      else if (error.level === "client-authentication") fail(refused());
      else if (phase === "authentication") {
        causes.push(error); // the server hung up: too many keys, mostly
        fail(refused());
      } else fail(connectFailure(error, phase, host));
    });
    client.on("close", () =>
      fail(phase === "authentication" ? refused() : connectFailure(new Error("it ended"), phase, host)),
    );
    client.on("handshake", () => {
      phase = "authentication";
      startDeadline(options.loginTimeoutMs ?? LOGIN_TIMEOUT_MS);
    });
    client.on("ready", () => {
      authentication.succeeded();
      settle(() => resolve(client));
    });

    startDeadline(options.timeoutMs);
    const preferred = hostKey.preferredAlgorithms();
    client.connect({
      sock: stream,
      username: host.user,
      readyTimeout: 0, // the deadline knows when someone is asked
      keepaliveInterval: KEEPALIVE_MS,
      keepaliveCountMax: KEEPALIVES_MISSED,
      authHandler: authentication.handler,
      hostVerifier: (key: Buffer, verify: (valid: boolean) => void) => {
        phase = "handshake";
        hostKey.verify(key).then(
          () => verify(true),
          (error) => {
            fail(error);
            verify(false);
          },
        );
      },
      ...(preferred.length > 0 && { algorithms: { serverHostKey: preferredFirst(preferred) } }),
    });
    stream.on("data", function look(data: Buffer) {
      greeted ||= data.includes("SSH-");
      if (phase !== "greeting") stream.off("data", look);
    });
  });
}

const HOST_KEY_ALGORITHMS = [
  "ssh-ed25519",
  "ecdsa-sha2-nistp256",
  "ecdsa-sha2-nistp384",
  "ecdsa-sha2-nistp521",
  "rsa-sha2-512",
  "rsa-sha2-256",
  "ssh-rsa",
] as const;

function preferredFirst(preferred: readonly string[]): ssh2.ServerHostKeyAlgorithm[] {
  const known = HOST_KEY_ALGORITHMS.filter((algorithm) => preferred.includes(algorithm));
  return [...known, ...HOST_KEY_ALGORITHMS.filter((algorithm) => !preferred.includes(algorithm))];
}
