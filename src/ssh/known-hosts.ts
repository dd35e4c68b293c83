import { createHash, createHmac, randomBytes } from "node:crypto";

/** One line of a known_hosts file. */
export type KnownHost = {
  readonly file: string;
  readonly line: number;
  readonly marker?: "cert-authority" | "revoked";
  /** As written: patterns by commas, or `|1|salt|hash`. */
  readonly names: string;
  readonly type: string;
  readonly key: Buffer;
};

/** What known_hosts says about a key that a host shows. */
export type Verdict =
  | { readonly is: "known" }
  | { readonly is: "unknown" }
  | { readonly is: "changed"; readonly entry: KnownHost }
  | { readonly is: "revoked"; readonly entry: KnownHost };

/** Reads a known_hosts file; lines that aren't entries are passed over, as ssh does. */
export function parseKnownHosts(text: string, file: string): KnownHost[] {
  return text.split("\n").flatMap((content, index): KnownHost[] => {
    const words = content.trim().split(/[ \t]+/);
    if (words[0] === "" || words[0]!.startsWith("#")) return [];
    const marker = words[0]!.startsWith("@") ? words.shift()!.slice(1) : undefined;
    if (marker !== undefined && marker !== "cert-authority" && marker !== "revoked") return [];
    const [names, type, encoded] = words;
    if (names === undefined || type === undefined || encoded === undefined) return [];
    const key = Buffer.from(encoded, "base64");
    if (keyType(key) !== type) return [];
    return [{ file, line: index + 1, ...(marker !== undefined && { marker }), names, type, key }];
  });
}

/** The type that a public key says it is of, or undefined when it is no key. */
export function keyType(key: Buffer): string | undefined {
  if (key.length < 5) return undefined;
  const length = key.readUInt32BE(0);
  return length > 0 && length < 64 && key.length > 4 + length
    ? key.toString("latin1", 4, 4 + length)
    : undefined;
}

/** Judges the `key` of the host that is known by `name` (lower case, `[host]:port` unless the port is 22). */
export function judge(entries: readonly KnownHost[], name: string, key: Buffer): Verdict {
  const about = entries.filter((entry) => matchesName(entry.names, name));
  const revoked = about.find((entry) => entry.marker === "revoked" && entry.key.equals(key));
  if (revoked !== undefined) return { is: "revoked", entry: revoked };
  const plain = about.filter((entry) => entry.marker === undefined);
  if (plain.some((entry) => entry.key.equals(key))) return { is: "known" };
  // A key of the same type is the one that it replaces. Another type is a change just as well: the types
  // that are known are asked for first, so the host no longer has any of them.
  const entry = plain.find((candidate) => candidate.type === keyType(key)) ?? plain[0];
  return entry === undefined ? { is: "unknown" } : { is: "changed", entry };
}

const ALGORITHMS: Readonly<Record<string, readonly string[]>> = {
  "ssh-rsa": ["rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"],
};

/** The host key algorithms of the types known for `name`: asked for first, a pinned key stays valid. */
export function knownAlgorithms(entries: readonly KnownHost[], name: string): string[] {
  const types = entries
    .filter((entry) => entry.marker === undefined && matchesName(entry.names, name))
    .map((entry) => entry.type);
  return [...new Set(types)].flatMap((type) => ALGORITHMS[type] ?? [type]);
}

/** Whether the names of an entry (patterns by commas, ! negates; or one hash) are of the host `name`. */
export function matchesName(names: string, name: string): boolean {
  if (names.startsWith("|")) {
    const [, version, salt, hash] = names.split("|");
    return version === "1" && salt !== undefined && hash !== undefined && hashName(name, salt) === hash;
  }
  let matched = false;
  for (const pattern of names.toLowerCase().split(",")) {
    const negated = pattern.startsWith("!");
    if (!matchesPattern(negated ? pattern.slice(1) : pattern, name)) continue;
    if (negated) return false;
    matched = true;
  }
  return matched;
}

/** Not ssh-config's `glob`, whose `?` is also no character at all. */
function matchesPattern(pattern: string, name: string): boolean {
  const expression = pattern
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replace(/\*+/g, ".*")
    .replace(/\?/g, ".");
  return new RegExp(`^${expression}$`, "s").test(name);
}

function hashName(name: string, salt: string): string {
  return createHmac("sha1", Buffer.from(salt, "base64")).update(name).digest("base64");
}

/** A line for a known_hosts file, without its newline. */
export function renderKnownHost(name: string, key: Buffer, hashed: boolean): string {
  let names = name;
  if (hashed) {
    const salt = randomBytes(20).toString("base64");
    names = `|1|${salt}|${hashName(name, salt)}`;
  }
  return `${names} ${keyType(key)} ${key.toString("base64")}`;
}

/** As ssh shows it. */
export function fingerprint(key: Buffer): string {
  return `SHA256:${createHash("sha256").update(key).digest("base64").replace(/=+$/, "")}`;
}
