import { isIPv6 } from "node:net";
import { Ds4Error } from "../core/errors.js";
import { codePoint } from "../core/printable.js";

/** Whom to reach, as typed after `ssh`; what is absent comes from ssh_config. */
export type SshTarget = {
  /** As typed. */
  readonly text: string;
  /** An alias of ssh_config, a name or an address; IPv6 without brackets. */
  readonly host: string;
  readonly user?: string;
  readonly port?: number;
};

const FORMS =
  "Write what you would type after `ssh`: an alias of ~/.ssh/config, root@203.0.113.144 or ssh://root@203.0.113.144:2222.";

// What OpenSSH refuses too: these reach a shell through ProxyCommand's %h and %r.
const UNSAFE_HOST = /[\s'"`$\\;&<>|(){},*?!#/]/;
const UNSAFE_USER = /[\s'"`;&<>|(){}\\$]/;

/** Reads `alias`, `user@host`, `host:port`, `ssh://user@host:port`, with IPv6 bracketed or bare. */
export function parseTarget(text: string): SshTarget {
  const refuse = (why: string): never => {
    throw new Ds4Error(`${JSON.stringify(text)} ${why}`, { hint: FORMS });
  };
  if (text === "") return refuse("is empty: it names no host");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (/[\u0000-\u001f\u007f]/.test(text)) return refuse("has a control character in it");
  const strange = /[\p{Cf}\p{Zs}\p{Zl}\p{Zp}‘-‟]/u.exec(text.replaceAll(" ", "_"));
  if (strange !== null) return refuse(`has ${codePoint(strange[0])} in it, which ssh would not take`);
  if (text.startsWith("-")) return refuse("starts with a dash: ssh would take it for an option");

  let rest = text;
  if (/^ssh:\/\//i.test(text)) rest = text.slice("ssh://".length).replace(/\/$/, "");
  else if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) return refuse("is no SSH address");

  const at = rest.lastIndexOf("@");
  const user = at < 0 ? undefined : rest.slice(0, at);
  rest = rest.slice(at + 1);
  if (user !== undefined && (user === "" || user.startsWith("-") || UNSAFE_USER.test(user)))
    return refuse(user === "" ? "has no user before the @" : "has a user name that ssh would not take");

  const { host, port } = splitPort(rest, refuse);
  if (host === "") return refuse("names no host");
  if (host.startsWith("-") || UNSAFE_HOST.test(host))
    return refuse("has a host name that ssh would not take");
  return { text, host, ...(user !== undefined && { user }), ...(port !== undefined && { port }) };
}

function splitPort(text: string, refuse: (why: string) => never): { host: string; port?: number } {
  const bracketed = /^\[([^\]]*)\](?::(.*))?$/.exec(text);
  if (bracketed) {
    const host = bracketed[1]!;
    if (!isIPv6(host)) return refuse("has brackets around something that is no IPv6 address");
    return bracketed[2] === undefined ? { host } : { host, port: parsePort(bracketed[2], refuse) };
  }
  if (isIPv6(text)) return { host: text };
  const [host, port, ...more] = text.split(":");
  if (more.length > 0) return refuse("is neither an IPv6 address nor host:port");
  return port === undefined ? { host: host! } : { host: host!, port: parsePort(port, refuse) };
}

function parsePort(text: string, refuse: (why: string) => never): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  return port >= 1 && port <= 65535 ? port : refuse(`has the port "${text}"; ports are 1 to 65535`);
}
