import { spawn } from "node:child_process";
import { connect, type Socket } from "node:net";
import { Duplex } from "node:stream";
import type { Client } from "ssh2";
import { ConnectError, type ConnectFailure } from "../core/errors.js";
import { connectFailure, timeoutFailure } from "./failures.js";
import type { HostConfig } from "./host-config.js";

// Node's 250 ms for each of a name's addresses is less than a far host's round trip.
const ADDRESS_ATTEMPT_MS = 3_000;

/** Opens a TCP connection; rejects with a ConnectError. */
export function openSocket(host: HostConfig, timeoutMs: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: host.host,
      port: host.port,
      noDelay: true,
      autoSelectFamily: true,
      autoSelectFamilyAttemptTimeout: ADDRESS_ATTEMPT_MS,
      ...(host.addressFamily !== undefined && { family: host.addressFamily }),
    });
    const timer = setTimeout(() => {
      socket.destroy();
      reject(timeoutFailure(host, "connecting", timeoutMs));
    }, timeoutMs);
    socket.once("error", (error) => {
      clearTimeout(timer);
      reject(connectFailure(error, "connecting", host));
    });
    socket.once("connect", () => {
      clearTimeout(timer);
      socket.removeAllListeners("error");
      resolve(socket);
    });
  });
}

/** Opens a stream to `host` through the jump host that `client` is connected to; rejects with a ConnectError. */
export function openForward(
  client: Client,
  jump: string,
  host: HostConfig,
  timeoutMs: number,
): Promise<Duplex> {
  const fail = (kind: ConnectFailure, why: string, cause?: Error) =>
    new ConnectError(
      host.text,
      kind,
      `${host.text}: the jump host ${jump} can't connect to ${host.host} port ${host.port}: ${why}`,
      { hint: `Does \`ssh ${jump} nc ${host.host} ${host.port}\` show an SSH greeting?`, cause },
    );
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(fail("timeout", `waited ${timeoutMs / 1000} s`)), timeoutMs);
    client.forwardOut("127.0.0.1", 0, host.host, host.port, (error, stream) => {
      clearTimeout(timer);
      if (error) reject(fail("unreachable", error.message, error));
      else resolve(stream);
    });
  });
}

/** Starts ssh_config's ProxyCommand, whose standard input and output are the connection. */
export function openProxyCommand(command: string): Duplex {
  const child = spawn("/bin/sh", ["-c", `exec ${command}`], { stdio: ["pipe", "pipe", "ignore"] });
  const stream = Duplex.from({ readable: child.stdout, writable: child.stdin });
  child.on("error", (error) => stream.destroy(error));
  stream.on("close", () => child.kill());
  return stream;
}
