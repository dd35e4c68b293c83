import { spawn } from "node:child_process";
import { connect, type Socket } from "node:net";
import { Duplex } from "node:stream";
import type { Client } from "ssh2";
import { ConnectError, type ConnectFailure } from "../core/errors.js";
import { connectFailure, proxyFailure, timeoutFailure } from "./failures.js";
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
    // It stays when there is a connection: an error that nobody listens to would end ds4.
    socket.once("error", (error) => {
      clearTimeout(timer);
      reject(connectFailure(error, "connecting", host));
    });
    socket.once("connect", () => {
      clearTimeout(timer);
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
export function openProxyCommand(host: HostConfig, command: string): Duplex {
  const child = spawn("/bin/sh", ["-c", `exec ${command}`], { stdio: "pipe" });
  let [answered, said] = [false, ""];
  const stream = new Duplex({
    allowHalfOpen: false,
    read: () => child.stdout.resume(),
    // What can't be written is told by the command's end, which knows more.
    write: (chunk, encoding, done) => child.stdin.write(chunk, encoding, () => done()),
    final: (done) => child.stdin.end(() => done()),
    destroy: (error, done) => {
      child.kill();
      // A child of its own may still hold them, and would keep ds4 from ending.
      for (const end of [child.stdin, child.stdout, child.stderr]) end.destroy();
      done(error);
    },
  });
  child.stdin.on("error", () => {});
  child.stdout.on("data", (chunk) => {
    answered = true;
    if (!stream.push(chunk)) child.stdout.pause();
  });
  child.stdout.on("end", () => {
    if (answered) stream.push(null);
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said = (said + text).slice(-1000);
  });
  child.on("error", (error) => stream.destroy(proxyFailure(host, error.message)));
  child.on("close", (code, signal) => {
    if (answered || stream.destroyed) return;
    const line = said
      .trim()
      .split(/[\r\n]+/)
      .at(-1);
    stream.destroy(
      proxyFailure(host, line?.slice(-200) || `it ended with ${signal ?? `exit status ${code}`}`),
    );
  });
  return stream;
}
