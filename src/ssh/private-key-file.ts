import { readFileSync } from "node:fs";
import ssh2, { type ParsedKey } from "ssh2";

const { parseKey } = ssh2.utils;

/** What is in an IdentityFile before any passphrase is known. */
export type KeyFile =
  | { readonly is: "missing" }
  | { readonly is: "unusable"; readonly reason: string }
  /** A .pub file: its private half is in the agent. */
  | { readonly is: "public"; readonly publicKey: ParsedKey }
  | {
      readonly is: "private";
      readonly content: Buffer;
      readonly encrypted: boolean;
      /** Unknown only for an encrypted key in the old format without its .pub beside it. */
      readonly publicKey?: ParsedKey;
    };

export function readKeyFile(path: string): KeyFile {
  let content: Buffer;
  try {
    content = readFileSync(path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return { is: "missing" };
    return { is: "unusable", reason: message };
  }
  const header = readOpenSshHeader(content);
  const encrypted =
    header !== undefined
      ? header.cipher !== "none"
      : /^Proc-Type: 4,ENCRYPTED|^Encryption: (?!none)|-----BEGIN ENCRYPTED/m.test(
          content.toString("latin1"),
        );
  if (encrypted) {
    const publicKey = parsed(header?.publicKey) ?? parsed(readPublicHalf(path));
    return { is: "private", content, encrypted, ...(publicKey !== undefined && { publicKey }) };
  }
  const key = parseKey(content);
  if (key instanceof Error || Array.isArray(key)) {
    const type = header && typeOf(header.publicKey);
    return {
      is: "unusable",
      reason: type?.startsWith("sk-") ? "a key on a security token needs the agent" : "it is no private key",
    };
  }
  return key.isPrivateKey()
    ? { is: "private", content, encrypted, publicKey: key }
    : { is: "public", publicKey: key };
}

/** The private key, or undefined when the passphrase is wrong. */
export function decryptKey(content: Buffer, passphrase: string): ParsedKey | undefined {
  const key = parseKey(content, passphrase);
  return key instanceof Error || Array.isArray(key) || !key.isPrivateKey() ? undefined : key;
}

/** The public half and the cipher stand in clear at the start of an OpenSSH key (PROTOCOL.key). */
function readOpenSshHeader(content: Buffer): { cipher: string; publicKey: Buffer } | undefined {
  const body = /-----BEGIN OPENSSH PRIVATE KEY-----([\s\S]*)-----END OPENSSH PRIVATE KEY-----/.exec(
    content.toString("latin1"),
  )?.[1];
  if (body === undefined) return undefined;
  const data = Buffer.from(body, "base64");
  const magic = "openssh-key-v1\0";
  if (data.toString("latin1", 0, magic.length) !== magic) return undefined;
  let at = magic.length;
  const next = (): Buffer => {
    const length = data.readUInt32BE(at);
    const bytes = data.subarray(at + 4, at + 4 + length);
    if (bytes.length !== length) throw new RangeError("cut short");
    at += 4 + length;
    return bytes;
  };
  try {
    const cipher = next().toString("latin1");
    next(); // the kdf's name
    next(); // the kdf's options
    at += 4; // the number of keys: always 1
    return { cipher, publicKey: next() };
  } catch {
    return undefined;
  }
}

function readPublicHalf(path: string): Buffer | undefined {
  try {
    return readFileSync(`${path}.pub`);
  } catch {
    return undefined;
  }
}

function parsed(data: Buffer | undefined): ParsedKey | undefined {
  const key = data === undefined ? undefined : parseKey(data);
  return key === undefined || key instanceof Error || Array.isArray(key) ? undefined : key;
}

function typeOf(publicKey: Buffer): string {
  return publicKey.toString("latin1", 4, 4 + publicKey.readUInt32BE(0));
}
