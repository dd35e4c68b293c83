import { hostname } from "node:os";
import { isAbsolute, join } from "node:path";
import { Ds4Error } from "../core/errors.js";
import { type ConfigValues, readConfig } from "./config-file.js";
import type { Surroundings } from "./surroundings.js";
import { parseTarget, type SshTarget } from "./target.js";

/** How to reach one host: the target and what ssh_config says about it. */
export type HostConfig = {
  /** As typed: what messages name. */
  readonly text: string;
  /** The name or address to connect to. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly addressFamily?: 4 | 6;
  readonly identityFiles: readonly string[];
  /** Whether the identity files were configured, or are ssh's defaults. */
  readonly identityFilesConfigured: boolean;
  readonly identitiesOnly: boolean;
  readonly agentSocket?: string;
  /** The jump hosts, the first one to connect to first. */
  readonly jumps: readonly SshTarget[];
  readonly proxyCommand?: string;
  /** Under which name known_hosts has it: `host`, `[host]:port` or the HostKeyAlias. */
  readonly knownAs: string;
  /** Where a plain `host` entry counts for a `[host]:port` too, as in ssh. */
  readonly alsoKnownAs?: string;
  /** The first one is where new keys are added. */
  readonly userKnownHostsFiles: readonly string[];
  readonly globalKnownHostsFiles: readonly string[];
  readonly hashKnownHosts: boolean;
  /** What to do about an unknown key. A changed one is always refused. */
  readonly unknownHostKey: "ask" | "accept" | "refuse";
  readonly connectTimeoutMs?: number;
};

/** What setTimeout can wait: 24 days. */
const MOST_MS = 2 ** 31 - 1;
const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };
const DEFAULT_IDENTITIES = ["id_ed25519", "id_ecdsa", "id_rsa"];

/** Works out how ssh would reach `target`. */
export function resolveHost(target: SshTarget, surroundings: Surroundings, configFile?: string): HostConfig {
  const values = readConfig(target.host, target.user, surroundings, configFile);
  const one = (name: string): string | undefined => {
    const value = values[name];
    return typeof value === "string" ? value : value?.[0];
  };
  const user = target.user ?? one("user") ?? surroundings.user;
  const port = target.port ?? numberOf(one("port"), "Port", target.text) ?? 22;
  const host = expand(one("hostname") ?? target.host, { h: target.host });
  const tokens: Tokens = {
    h: host,
    n: target.host,
    p: String(port),
    r: user,
    u: surroundings.user,
    d: surroundings.home,
    L: hostname().split(".")[0]!,
    l: hostname(),
    i: String(process.getuid?.() ?? 0),
    k: one("hostkeyalias") ?? target.host,
  };
  const path = (text: string): string => {
    const full = expand(text, tokens, surroundings.environment).replace(/^~(?=\/|$)/, surroundings.home);
    return isAbsolute(full) ? full : join(process.cwd(), full);
  };
  const configured = many(values.identityfile).filter((file) => file.toLowerCase() !== "none");
  const agentSocket = findAgent(one("identityagent"), surroundings, path);
  const connectTimeout = secondsOf(one("connecttimeout"), "ConnectTimeout", target.text);
  const family = one("addressfamily")?.toLowerCase();
  // The one that was said first holds, even if it is `none`: the values are in that order.
  const proxy = Object.keys(values).find((name) => name === "proxycommand" || name === "proxyjump");
  const proxyCommand = proxy === "proxycommand" ? one("proxycommand") : undefined;
  const alias = one("hostkeyalias");
  const sshFolder = join(surroundings.home, ".ssh");
  const system = surroundings.systemFolder;
  return {
    text: target.text,
    host,
    port,
    user,
    ...(family === "inet" && { addressFamily: 4 as const }),
    ...(family === "inet6" && { addressFamily: 6 as const }),
    identityFiles:
      values.identityfile === undefined
        ? DEFAULT_IDENTITIES.map((name) => join(sshFolder, name))
        : configured.map(path),
    identityFilesConfigured: values.identityfile !== undefined,
    identitiesOnly: isYes(one("identitiesonly")),
    ...(agentSocket !== undefined && { agentSocket }),
    jumps: jumpsOf(proxy === "proxyjump" ? one("proxyjump") : undefined, { ...target, user, port }),
    ...(proxyCommand !== undefined &&
      proxyCommand.toLowerCase() !== "none" && { proxyCommand: expand(proxyCommand, tokens) }),
    ...knownNames(alias, host, port),
    userKnownHostsFiles: fileList(
      values.userknownhostsfile,
      [join(sshFolder, "known_hosts"), join(sshFolder, "known_hosts2")],
      path,
    ),
    globalKnownHostsFiles: fileList(
      values.globalknownhostsfile,
      [join(system, "ssh_known_hosts"), join(system, "ssh_known_hosts2")],
      path,
    ),
    hashKnownHosts: isYes(one("hashknownhosts")),
    unknownHostKey: unknownHostKey(one("stricthostkeychecking")),
    ...(connectTimeout !== undefined &&
      connectTimeout > 0 && { connectTimeoutMs: Math.min(connectTimeout * 1000, MOST_MS) }),
  };
}

type Tokens = Readonly<Record<string, string>>;

/** Replaces `%h` and the like, and `${NAME}` where an environment is given. */
function expand(text: string, tokens: Tokens, environment?: Surroundings["environment"]): string {
  const withTokens = text.replace(/%(.)/g, (token, letter: string) =>
    letter === "%" ? "%" : (tokens[letter] ?? token),
  );
  if (environment === undefined) return withTokens;
  return withTokens.replace(/\$\{(\w+)\}/g, (_, name: string) => environment[name] ?? "");
}

function many(value: string | string[] | undefined): string[] {
  return value === undefined ? [] : typeof value === "string" ? [value] : value;
}

function isYes(value: string | undefined): boolean {
  return value !== undefined && /^(yes|true)$/i.test(value);
}

function numberOf(value: string | undefined, keyword: string, target: string): number | undefined {
  if (value === undefined || value.toLowerCase() === "none") return undefined;
  if (/^\d{1,5}$/.test(value)) return Number(value);
  throw notUnderstood(target, `${keyword} ${value} is no number`);
}

/** A time as ssh_config has it: `90`, `90s` or `1m30`. */
function secondsOf(value: string | undefined, keyword: string, target: string): number | undefined {
  if (value === undefined || value.toLowerCase() === "none") return undefined;
  if (!/^(\d+[smhdw])*\d*$/i.test(value)) throw notUnderstood(target, `${keyword} ${value} is no time`);
  return [...value.matchAll(/(\d+)(\D?)/g)].reduce(
    (sum, [, count, unit]) => sum + Number(count) * SECONDS[unit?.toLowerCase() || "s"]!,
    0,
  );
}

function notUnderstood(target: string, what: string): Ds4Error {
  return new Ds4Error(`ssh_config for ${target}: ${what}`, {
    hint: `\`ssh -G ${target}\` shows what holds for this host.`,
  });
}

function findAgent(
  value: string | undefined,
  { environment }: Surroundings,
  path: (text: string) => string,
): string | undefined {
  if (value === undefined || value === "SSH_AUTH_SOCK") return environment.SSH_AUTH_SOCK || undefined;
  if (value.toLowerCase() === "none") return undefined;
  if (value.startsWith("$") && !value.startsWith("${")) return environment[value.slice(1)] || undefined;
  return path(value);
}

/** A host isn't its own jump host: `Host *` with a ProxyJump covers the jump host too, as in ssh. */
function jumpsOf(value: string | undefined, self: SshTarget): SshTarget[] {
  if (value === undefined || value.toLowerCase() === "none") return [];
  const jumps = value.split(",").map((part) => parseTarget(part.trim()));
  const isSelf = (jump: SshTarget) =>
    jump.host === self.host &&
    (jump.port ?? self.port) === self.port &&
    (jump.user ?? self.user) === self.user;
  return jumps.some(isSelf) ? [] : jumps;
}

function knownNames(
  alias: string | undefined,
  host: string,
  port: number,
): Pick<HostConfig, "knownAs" | "alsoKnownAs"> {
  if (alias !== undefined) return { knownAs: alias.toLowerCase() };
  const name = host.toLowerCase();
  return port === 22 ? { knownAs: name } : { knownAs: `[${name}]:${port}`, alsoKnownAs: name };
}

function fileList(value: ConfigValues[string], defaults: string[], path: (text: string) => string): string[] {
  if (value === undefined) return defaults;
  return many(value)
    .filter((file) => file.toLowerCase() !== "none")
    .map(path);
}

function unknownHostKey(value: string | undefined): HostConfig["unknownHostKey"] {
  const plain = value?.toLowerCase();
  if (plain === "yes") return "refuse";
  return plain === "no" || plain === "off" || plain === "accept-new" ? "accept" : "ask";
}
