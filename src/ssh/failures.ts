import { ConnectError, type ConnectFailure } from "../core/errors.js";
import type { HostConfig } from "./host-config.js";
import { LockedKeyError } from "./identities.js";

type Host = Pick<HostConfig, "text" | "host" | "port" | "user">;

/** Where a connection stood when it failed: the same error means different things. */
export type Phase = "connecting" | "greeting" | "handshake" | "authentication" | "open";

const REASONS: Readonly<Record<string, readonly [message: string, hint: string]>> = {
  ECONNREFUSED: ["refuses the connection", "Is its SSH server running, and is that its port?"],
  EHOSTUNREACH: ["can't be reached", "Is it switched on, and are you in a network that reaches it?"],
  ENETUNREACH: [
    "is in a network that can't be reached",
    "For an IPv6 address, this computer needs IPv6 too.",
  ],
  ETIMEDOUT: ["doesn't answer", "Is it switched on, and does a firewall let SSH through?"],
  ECONNRESET: ["ended the connection", "Its SSH server may be restarting, or has banned this address."],
  ENOTFOUND: ["has no address: its name isn't known", "Check the name, and Host and HostName in ssh_config."],
  EAI_AGAIN: ["has no address: the name server doesn't answer", "Is this computer online?"],
  EACCES: ["can't be connected to: this computer forbids it", "Does a firewall on this computer stop it?"],
};

/** What `error` means to whoever wanted to connect. */
export function connectFailure(error: unknown, phase: Phase, host: Host): ConnectError {
  if (error instanceof ConnectError) return error;
  const first = error instanceof AggregateError ? error.errors[0] : error;
  const { code, message = String(error) } = first as { code?: string | number; message?: string };
  const place = `${host.text} (${host.host} port ${host.port})`;
  const fail = (kind: ConnectFailure, text: string, hint: string) =>
    new ConnectError(host.text, kind, text, { hint, cause: error });

  if (phase === "connecting" || (typeof code === "string" && code in REASONS)) {
    const [reason, hint] = REASONS[String(code)] ?? [`can't be connected to: ${message}`, tryIt(host)];
    return fail(code === "ETIMEDOUT" ? "timeout" : "unreachable", `${place} ${reason}`, hint);
  }
  if (phase === "greeting")
    return /lost before handshake|ended/i.test(message)
      ? fail(
          "unreachable",
          `${place} ended the connection before it said anything`,
          "Its SSH server may be overloaded or restarting, or has banned this address.",
        )
      : fail("protocol", `${place} doesn't speak SSH: ${message}`, "Is that the port of its SSH server?");
  if (phase === "handshake")
    return fail("protocol", `${place}: no SSH connection could be agreed on: ${message}`, tryIt(host));
  return fail("protocol", `${host.text}: the SSH connection failed: ${message}`, tryIt(host));
}

/** The ProxyCommand ended before the host had said anything: most often it didn't reach it. */
export function proxyFailure(host: Host, why: string): ConnectError {
  return new ConnectError(host.text, "unreachable", `${host.text}: the ProxyCommand failed: ${why}`, {
    hint: tryIt(host),
  });
}

/** None of what was offered let the user in. */
export function authenticationFailure(
  host: Host,
  offered: readonly string[],
  methods: readonly string[],
  notes: readonly string[],
  causes: readonly unknown[],
): ConnectError {
  const locked = causes.find((cause) => cause instanceof LockedKeyError);
  const tried = offered.length > 0 ? `tried ${offered.join(", ")}` : "there was nothing to offer";
  const takes = methods.length > 0 ? `; it takes ${methods.join(", ")}` : "";
  const said = [
    ...notes,
    ...causes.filter((cause) => cause !== locked).map((cause) => (cause as Error).message),
  ];
  const details = said.length > 0 ? ` (${[...new Set(said)].join("; ")})` : "";
  const message = `${host.text} doesn't let ${host.user} in: ${tried}${takes}${details}`;
  if (locked instanceof LockedKeyError)
    return new ConnectError(host.text, "auth", `${message}; ${locked.message}`, {
      hint: `Type \`ssh-add ${locked.file}\` first.`,
      cause: locked,
    });
  return new ConnectError(host.text, "auth", message, {
    hint: causes.some((cause) => /too many/i.test((cause as Error).message))
      ? "Name the right key with IdentityFile and set IdentitiesOnly yes for this host in ssh_config."
      : `${tryIt(host)} Put your public key there with \`ssh-copy-id\`, on OpenWrt in /etc/dropbear/authorized_keys.`,
  });
}

export function timeoutFailure(host: Host, phase: Phase, ms: number): ConnectError {
  const what = {
    connecting: "doesn't answer",
    greeting: "takes the connection, but doesn't greet as an SSH server does",
    handshake: "doesn't finish the SSH key exchange",
    authentication: "doesn't answer to the log-in",
    open: "doesn't answer any more",
  }[phase];
  return new ConnectError(
    host.text,
    "timeout",
    `${host.text} (${host.host} port ${host.port}) ${what} (waited ${ms / 1000} s)`,
    {
      hint:
        phase === "connecting"
          ? "Is it switched on, and does a firewall let SSH through?"
          : `Is it overloaded? ${tryIt(host)}`,
    },
  );
}

/** The same failure, of a host on the way to another. */
export function jumpFailure(error: unknown, target: string): unknown {
  if (!(error instanceof ConnectError)) return error;
  return new ConnectError(error.host, error.kind, `${error.message} (it is the way to ${target})`, {
    ...(error.hint !== undefined && { hint: error.hint }),
    cause: error,
  });
}

function tryIt({ text }: Host): string {
  return `Does \`ssh ${text} true\` work?`;
}
