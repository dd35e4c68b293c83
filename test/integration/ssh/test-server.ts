import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import ssh2, { type AuthContext, type Connection } from "ssh2";
import { onTestFinished } from "vitest";
import type { ConnectOptions } from "../../../src/ssh/connect.js";
import type { Surroundings } from "../../../src/ssh/surroundings.js";

const { generateKeyPairSync, parseKey } = ssh2.utils;

export type Key = { readonly private: string; readonly public: string };
// ssh2 1.17 writes about one ed25519 key in 130 that it can't read itself.
function readable(make: () => Key, passphrase?: string): Key {
  const key = make();
  return parseKey(key.private, passphrase) instanceof Error ? readable(make, passphrase) : key;
}
export const ed25519 = (): Key => readable(() => generateKeyPairSync("ed25519"));
export const locked = (passphrase: string): Key =>
  readable(() => generateKeyPairSync("ed25519", { passphrase, cipher: "aes256-ctr", rounds: 4 }), passphrase);
export const rsa = (): Key => generateKeyPairSync("rsa", { bits: 1024 });
export const ecdsa = (): Key => generateKeyPairSync("ecdsa", { bits: 256 });

export const publicBlob = (key: Key): Buffer => {
  const parsed = parseKey(key.public);
  if (parsed instanceof Error) throw parsed;
  return parsed.getPublicSSH();
};

/** A forward to this port gets no answer. */
export const HANGING_PORT = 9;

export type ServerOptions = {
  hostKeys?: readonly Key[];
  host?: string;
  /** Says yes or no to each attempt; by default everyone may come in. */
  authenticate?: (context: AuthContext) => boolean | readonly string[] | Promise<boolean | readonly string[]>;
  /** Where connections are forwarded to, instead of the address that was asked for. */
  forwardTo?: string;
  /** Instead of running `sh -s`. */
  onExec?: (command: string, accept: () => ssh2.ServerChannel, reject: () => void) => void;
};

/** An `onExec` that answers once the whole script is there. */
export function answering(
  answer: (script: string, channel: ssh2.ServerChannel) => unknown,
): NonNullable<ServerOptions["onExec"]> {
  return (_, accept) => {
    const channel = accept();
    let script = "";
    channel.on("error", () => {});
    channel.on("data", (data: Buffer) => {
      script += data;
    });
    channel.on("end", () => answer(script, channel));
  };
}

/** An SSH server in this process that runs what it is told in a real `sh`, and lets connections be forwarded. */
export async function startServer(options: ServerOptions = {}) {
  /** What was tried to log in with, in order. */
  const attempts: string[] = [];
  const commands: string[] = [];
  const connections: Connection[] = [];
  const server = new ssh2.Server(
    { hostKeys: (options.hostKeys ?? [ed25519()]).map((key) => key.private) },
    (client) => {
      connections.push(client);
      client.on("error", () => {});
      client.on("authentication", async (context) => {
        const signed = context.method === "publickey" && context.signature !== undefined;
        attempts.push(signed ? "publickey signed" : context.method);
        const answer = (await options.authenticate?.(context)) ?? true;
        if (answer === true) context.accept();
        else context.reject(Array.isArray(answer) ? answer : ["publickey", "password"]);
      });
      client.on("tcpip", (accept, reject, info) => {
        if (info.destPort === HANGING_PORT) return;
        const socket = connect(info.destPort, options.forwardTo ?? info.destIP);
        socket.once("error", () => reject());
        socket.once("connect", () => {
          socket.removeAllListeners("error");
          const stream = accept();
          socket.on("error", () => stream.close());
          stream.on("error", () => socket.destroy());
          stream.pipe(socket).pipe(stream);
        });
      });
      client.on("session", (acceptSession) => {
        const session = acceptSession();
        session.on("exec", (accept, reject, { command }) => {
          commands.push(command);
          if (options.onExec) return options.onExec(command, accept, reject);
          const channel = accept();
          const child = spawn("sh", ["-s"]);
          channel.pipe(child.stdin);
          child.stdin.on("error", () => {});
          child.stdout.pipe(channel, { end: false });
          child.stderr.pipe(channel.stderr, { end: false });
          for (const stream of [channel, channel.stderr]) stream.on("error", () => {}); // the client left
          channel.on("close", () => {
            for (const output of [child.stdout, child.stderr]) output.destroy();
            child.kill();
          });
          child.on("close", (code, signal) => {
            if (signal !== null) channel.exit(signal.replace("SIG", ""));
            else channel.exit(code ?? 0);
            channel.end();
          });
        });
      });
    },
  );
  server.on("error", () => {});
  await new Promise<void>((resolve) => server.listen(0, options.host ?? "127.0.0.1", () => resolve()));
  const { port } = server.address() as AddressInfo;
  onTestFinished(() => {
    for (const connection of connections) connection.end();
    server.close();
  });
  return { port, attempts, commands, connections, server };
}

/** A home folder of its own with an ssh_config, so that the user's own files play no part. */
export function makeHome(config = "", options: Partial<ConnectOptions> = {}) {
  const home = mkdtempSync(join(tmpdir(), "ds4-home-"));
  onTestFinished(() => rmSync(home, { recursive: true, force: true }));
  mkdirSync(join(home, ".ssh"), { mode: 0o700 });
  const knownHosts = join(home, ".ssh/known_hosts");
  const write = (name: string, content: string): string => {
    const path = join(home, ".ssh", name);
    writeFileSync(path, content, { mode: 0o600 });
    return path;
  };
  write("config", config);
  const surroundings: Surroundings = { home, user: "root", environment: {}, systemFolder: join(home, "etc") };
  return {
    home,
    knownHosts,
    write,
    surroundings,
    options: { label: "vps", surroundings, retries: 0, ...options } satisfies ConnectOptions,
  };
}

/** Answers questions from a list, and keeps them. */
export function makePrompt(...answers: (string | boolean)[]) {
  const questions: string[] = [];
  const next = async (question: string) => {
    questions.push(question);
    const answer = answers.shift();
    if (answer === undefined) throw new Error(`nobody expected the question ${question}`);
    return answer;
  };
  return {
    questions,
    prompt: { secret: next as () => Promise<string>, confirm: next as unknown as () => Promise<boolean> },
  };
}

/** Whether there is no ssh-agent here. */
export const noAgent = spawnSync("ssh-agent", ["-h"]).error !== undefined;

/** An ssh-agent that holds the keys in these files; resolves to its socket, which is in `folder`. */
export async function startAgent(folder: string, ...files: string[]): Promise<string> {
  const socket = join(folder, "agent");
  const agent = spawn("ssh-agent", ["-D", "-a", socket]);
  onTestFinished(() => {
    agent.kill();
  });
  await once(agent.stdout, "data"); // it prints its settings once it listens
  const env = { ...process.env, SSH_AUTH_SOCK: socket };
  for (const file of files)
    if (spawnSync("ssh-add", ["-q", file], { env }).status !== 0)
      throw new Error(`the agent refuses ${file}`);
  return socket;
}
