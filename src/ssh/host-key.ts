import { appendFileSync, mkdirSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { ConnectError } from "../core/errors.js";
import type { HostConfig } from "./host-config.js";
import {
  fingerprint,
  judge,
  type KnownHost,
  keyType,
  knownAlgorithms,
  parseKnownHosts,
  renderKnownHost,
} from "./known-hosts.js";
import type { Prompt } from "./prompt.js";

/** What happens to a host whose key isn't known yet. */
export type HostKeyPolicy = {
  /** Take it without asking, and remember it (`--accept-new-host-key`). */
  readonly acceptNew: boolean;
  readonly prompt?: Prompt;
  /** Said to the user without an answer: what was remembered, or why it couldn't be. */
  readonly notice: (text: string) => void;
};

/** Checks the key that one host shows against known_hosts. */
export class HostKeyCheck {
  readonly #host: HostConfig;
  readonly #policy: HostKeyPolicy;
  readonly #entries: readonly KnownHost[];
  #accepted: Buffer | undefined;

  constructor(host: HostConfig, policy: HostKeyPolicy) {
    this.#host = host;
    this.#policy = policy;
    this.#entries = [...host.userKnownHostsFiles, ...host.globalKnownHostsFiles].flatMap(readEntries);
  }

  /** The algorithms to ask for first: those of the keys that are known. */
  preferredAlgorithms(): string[] {
    const algorithms = knownAlgorithms(this.#entries, this.#host.knownAs);
    if (algorithms.length > 0 || this.#host.alsoKnownAs === undefined) return algorithms;
    return knownAlgorithms(this.#entries, this.#host.alsoKnownAs);
  }

  /** Returns when the key can be trusted, else throws a ConnectError. */
  async verify(key: Buffer): Promise<void> {
    if (this.#accepted?.equals(key)) return; // the key exchange is repeated now and then
    const { knownAs, alsoKnownAs } = this.#host;
    const verdict = judge(this.#entries, knownAs, key);
    if (verdict.is === "changed") throw this.#changed(verdict.entry, key);
    if (verdict.is === "revoked") throw this.#revoked(verdict.entry);
    if (verdict.is === "unknown") {
      const plain = alsoKnownAs === undefined ? undefined : judge(this.#entries, alsoKnownAs, key);
      if (plain?.is === "revoked") throw this.#revoked(plain.entry);
      if (plain?.is !== "known") await this.#decide(key);
    }
    this.#accepted = key;
  }

  async #decide(key: Buffer): Promise<void> {
    const { text, knownAs, unknownHostKey } = this.#host;
    const { acceptNew, prompt } = this.#policy;
    const shown = `${keyName(key)} key ${fingerprint(key)}`;
    if (acceptNew || unknownHostKey === "accept") return this.#remember(key);
    if (unknownHostKey === "ask" && prompt !== undefined) {
      const question = `${text} (${knownAs}) isn't known yet. It shows the ${shown}. Is that the right host?`;
      if (await prompt.confirm(question)) return this.#remember(key);
      throw new ConnectError(text, "hostkey", `${text}: the host key was not accepted`);
    }
    throw new ConnectError(text, "hostkey", `${text} isn't known yet: it shows the ${shown}`, {
      hint:
        "Compare it with what `ssh-keygen -lf` prints on the host for its key in /etc/ssh (OpenWrt: " +
        "`dropbearkey -y -f` in /etc/dropbear), then type it again with --accept-new-host-key.",
    });
  }

  #remember(key: Buffer): void {
    const file = this.#host.userKnownHostsFiles[0];
    if (file === undefined) return;
    const { knownAs, hashKnownHosts, text } = this.#host;
    try {
      makeFolder(dirname(file));
      const gap = endsInNewline(file) ? "" : "\n";
      appendFileSync(file, `${gap}${renderKnownHost(knownAs, key, hashKnownHosts)}\n`, { mode: 0o600 });
      this.#policy.notice(`${text}: remembered its ${keyName(key)} key ${fingerprint(key)} in ${file}`);
    } catch (error) {
      this.#policy.notice(`${text}: its host key couldn't be remembered: ${(error as Error).message}`);
    }
  }

  #changed(entry: KnownHost, key: Buffer): ConnectError {
    const { text, knownAs } = this.#host;
    const place = `${entry.file}:${entry.line}`;
    const known = `${place} has the ${keyName(entry.key)} key ${fingerprint(entry.key)}`;
    const shown = `it now shows the ${keyName(key)} key ${fingerprint(key)}`;
    return new ConnectError(text, "hostkey", `the host key of ${text} has changed: ${known}, ${shown}`, {
      hint:
        "Someone may be in between. If the host was set up anew, forget its old key with " +
        `\`ssh-keygen -f ${quoted(entry.file)} -R ${quoted(knownAs)}\`.`,
    });
  }

  #revoked(entry: KnownHost): ConnectError {
    const { text } = this.#host;
    return new ConnectError(
      text,
      "hostkey",
      `the host key of ${text} is revoked by ${entry.file}:${entry.line}`,
      {
        hint: "Whoever marked it @revoked no longer trusts it: ask them, and give the host a new key.",
      },
    );
  }
}

function readEntries(file: string): KnownHost[] {
  try {
    return parseKnownHosts(readFileSync(file, "utf8"), file);
  } catch {
    return []; // no such file: nobody is known from it
  }
}

/** Only the last folder, as ssh does (and Node's recursive mkdir never ends where /proc forbids it). */
function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}

function endsInNewline(file: string): boolean {
  try {
    const text = readFileSync(file, "utf8");
    return text === "" || text.endsWith("\n");
  } catch {
    return true;
  }
}

function keyName(key: Buffer): string {
  return (keyType(key) ?? "unreadable").replace(/^(ssh|ecdsa-sha2)-/, "").replace(/^nistp/, "ecdsa-nistp");
}

function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
