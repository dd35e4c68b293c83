import ssh2, { type BaseAgent, type ParsedKey } from "ssh2";
import type { HostConfig } from "./host-config.js";
import { decryptKey, readKeyFile } from "./private-key-file.js";
import { type Prompt, queued } from "./prompt.js";

/** One key to offer. Whether it is a file or in the agent, it looks like an agent that holds just this key. */
export type Identity = {
  /** In messages: the file, or the agent's comment. */
  readonly name: string;
  readonly agent: BaseAgent;
};

export type Identities = {
  /** In the order to offer them. */
  readonly offers: readonly Identity[];
  /** What could not be offered, and why, in words. */
  readonly notes: readonly string[];
};

const PASSPHRASE_TRIES = 3;

/** A passphrase that nobody could or would give. */
export class LockedKeyError extends Error {
  readonly file: string;
  constructor(file: string, reason: string) {
    super(`the key ${file} has a passphrase, and ${reason}`);
    this.file = file;
  }
}

/**
 * The keys to offer to a host: those that ssh_config names first, then what else the agent holds; without
 * IdentityFile the agent's first, as ssh does. A server drops the connection after a few that miss.
 */
export async function findIdentities(host: HostConfig, unlock: Unlock): Promise<Identities> {
  const notes: string[] = [];
  const held = await agentKeys(host.agentSocket, notes);
  const ofAgent = (key: ParsedKey) => held.find((candidate) => candidate.key.equals(key));
  const named: Identity[] = [];
  const fromFiles: Identity[] = [];
  const taken = new Set<unknown>();

  for (const path of new Set(host.identityFiles)) {
    const file = readKeyFile(path);
    if (file.is === "missing") {
      if (host.identityFilesConfigured) notes.push(`${path} doesn't exist`);
      continue;
    }
    if (file.is === "unusable") {
      notes.push(`${path}: ${file.reason}`);
      continue;
    }
    const inAgent = file.publicKey && ofAgent(file.publicKey);
    if (inAgent) {
      taken.add(inAgent);
      named.push({ name: path, agent: inAgent.agent });
    } else if (file.is === "public") {
      notes.push(`${path} is a public key, and the agent doesn't hold its private half`);
    } else {
      const privateKey = file.encrypted
        ? () => unlock(path, file.content)
        : () => Promise.resolve(file.publicKey as ParsedKey);
      // Without its public half a key can't be offered: the passphrase is asked for right away.
      const publicKey = file.publicKey ?? privateKey;
      const identity = { name: path, agent: keyAgent(publicKey, privateKey) };
      (host.identityFilesConfigured ? named : fromFiles).push(identity);
    }
  }
  const others = host.identitiesOnly ? [] : held.filter((candidate) => !taken.has(candidate));
  return { offers: [...named, ...others, ...fromFiles], notes };
}

/** Opens an encrypted key file; throws a LockedKeyError. */
export type Unlock = (path: string, content: Buffer) => Promise<ParsedKey>;

const unlocked = new WeakMap<Prompt, Map<string, Promise<ParsedKey>>>();

/** Asks for each key file's passphrase once, however many hosts it opens. */
export function unlockWith(prompt: Prompt | undefined): Unlock {
  return async (path, content) => {
    if (prompt === undefined) throw new LockedKeyError(path, "there is no terminal to ask for it");
    const known = unlocked.get(prompt) ?? new Map<string, Promise<ParsedKey>>();
    unlocked.set(prompt, known);
    const key = known.get(path) ?? askForPassphrase(queued(prompt), path, content);
    known.set(path, key);
    return key;
  };
}

async function askForPassphrase(prompt: Prompt, path: string, content: Buffer): Promise<ParsedKey> {
  for (let tries = 0; tries < PASSPHRASE_TRIES; tries++) {
    const passphrase = await prompt.secret(`Passphrase of ${path}: `);
    if (passphrase === "") break; // as with ssh: an empty answer gives this key up
    const key = decryptKey(content, passphrase);
    if (key !== undefined) return key;
  }
  throw new LockedKeyError(path, "the right one wasn't given");
}

type HeldKey = Identity & { readonly key: ParsedKey };

async function agentKeys(socket: string | undefined, notes: string[]): Promise<HeldKey[]> {
  if (socket === undefined) return [];
  const agent = ssh2.createAgent(socket);
  const keys = await new Promise<ParsedKey[]>((resolve) => {
    agent.getIdentities((error, found) => {
      if (error) notes.push("the SSH agent doesn't answer");
      resolve(error ? [] : ((found ?? []) as ParsedKey[]));
    });
  });
  return keys.map((key) => ({
    name: `${key.comment || key.type} (agent)`,
    key,
    agent: new SingleKeyAgent(
      () => Promise.resolve(key),
      (data, hash) =>
        new Promise((resolve, reject) => {
          agent.sign(key, data, hash === undefined ? {} : { hash }, (error, signature) =>
            error ? reject(error) : resolve(signature!),
          );
        }),
    ),
  }));
}

function keyAgent(
  publicKey: ParsedKey | (() => Promise<ParsedKey>),
  privateKey: () => Promise<ParsedKey>,
): BaseAgent {
  return new SingleKeyAgent(
    typeof publicKey === "function" ? publicKey : () => Promise.resolve(publicKey),
    async (data, hash) => {
      const signature = (await privateKey()).sign(data, hash) as Buffer | Error;
      if (signature instanceof Error) throw signature;
      return signature;
    },
  );
}

type Hash = "sha1" | "sha256" | "sha512";

class SingleKeyAgent extends ssh2.BaseAgent {
  constructor(
    readonly publicKey: () => Promise<ParsedKey>,
    readonly signData: (data: Buffer, hash: Hash | undefined) => Promise<Buffer>,
  ) {
    super();
  }

  override getIdentities(callback: (error?: Error | null, keys?: ParsedKey[]) => void): void {
    this.publicKey().then(
      (key) => callback(null, [key]),
      (error) => callback(error as Error),
    );
  }

  override sign(
    _key: unknown,
    data: Buffer,
    options: { hash?: Hash } | ((error?: Error | null, signature?: Buffer) => void),
    callback?: (error?: Error | null, signature?: Buffer) => void,
  ): void {
    const done = typeof options === "function" ? options : callback!;
    this.signData(data, typeof options === "function" ? undefined : options.hash).then(
      (signature) => done(null, signature),
      (error) => done(error as Error),
    );
  }
}
