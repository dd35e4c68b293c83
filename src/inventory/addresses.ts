import { isIPv4 } from "node:net";
import { Address4, Address6 } from "ip-address";

/** An IPv4 prefix: the network's address and its length. */
export type Prefix4 = { readonly address: string; readonly length: number };

// Not reachable from the internet, or no host's own address (IANA special-purpose registry).
// The documentation ranges are left out on purpose: examples and the lab live in them.
const SPECIAL_4: readonly (readonly [string, string])[] = [
  ["0.0.0.0/8", "means no address at all"],
  ["10.0.0.0/8", "is a private address"],
  ["100.64.0.0/10", "is a carrier-grade NAT address: the provider shares it among customers"],
  ["127.0.0.0/8", "is a loopback address"],
  ["169.254.0.0/16", "is a link-local address"],
  ["172.16.0.0/12", "is a private address"],
  ["192.0.0.0/24", "is reserved for protocols such as DS-Lite itself"],
  ["192.88.99.0/24", "is reserved (the former 6to4 relays)"],
  ["192.168.0.0/16", "is a private address"],
  ["198.18.0.0/15", "is reserved for benchmarks"],
  ["224.0.0.0/4", "is a multicast address"],
  ["255.255.255.255/32", "is the broadcast address"],
  ["240.0.0.0/4", "is reserved"],
];

const PRIVATE_4 = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"];

/** Dotted decimal, or undefined when `text` is no IPv4 address (prefix lengths and leading zeros aren't). */
export function canonicalIPv4(text: string): string | undefined {
  if (text.includes("/")) return undefined;
  return attempt(() => new Address4(text).correctForm());
}

/** The text that `ip` prints too (RFC 5952: a single zero group stays 0), or undefined when `text` is no plain IPv6 address. */
export function canonicalIPv6(text: string): string | undefined {
  if (/[/%]/.test(text)) return undefined;
  return attempt(() => new Address6(text).correctForm());
}

/** An address, or a name, as it stands before a port: in URLs, and with curl and socat. */
export function beforePort(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

/** The address and length of `a.b.c.d/n`, host bits kept, or undefined. */
export function parsePrefix4(text: string): Prefix4 | undefined {
  if (!/^[^/]+\/(0|[1-9]\d?)$/.test(text)) return undefined;
  return attempt(() => {
    const parsed = new Address4(text);
    return { address: parsed.correctForm(), length: parsed.subnetMask };
  });
}

export function networkOf(prefix: Prefix4): string {
  return new Address4(`${prefix.address}/${prefix.length}`).startAddress().correctForm();
}

export function broadcastOf(prefix: Prefix4): string {
  return new Address4(`${prefix.address}/${prefix.length}`).endAddress().correctForm();
}

export function contains4(prefix: string, address: string): boolean {
  return new Address4(address).isInSubnet(new Address4(prefix));
}

/** Undefined where `prefix` is no IPv6 prefix or address. */
export function contains6(prefix: string, address: string): boolean | undefined {
  return attempt(() => new Address6(address).isInSubnet(new Address6(prefix)));
}

/** Why a canonical IPv4 address can't be a host's on the internet, or undefined when it can. */
export function whyNotPublic4(address: string): string | undefined {
  return SPECIAL_4.find(([prefix]) => contains4(prefix, address))?.[1];
}

/** Whether a text is an IPv4 address that a host on the internet can have. */
export const isPublic4 = (text: string) => isIPv4(text) && whyNotPublic4(text) === undefined;

export function isPrivate4(address: string): boolean {
  return PRIVATE_4.some((prefix) => contains4(prefix, address));
}

/** Why a canonical IPv6 address can't be a tunnel's end on the internet, or undefined when it can. */
export function whyNotGlobal6(address: string): string | undefined {
  const parsed = new Address6(address);
  const within = (prefix: string) => parsed.isInSubnet(new Address6(prefix));
  if (within("2000::/3")) return within("2001::/32") ? "is a Teredo address" : undefined;
  if (address === "::") return "means no address at all";
  if (address === "::1") return "is the loopback address";
  if (within("fe80::/10")) return "is a link-local address";
  if (within("fc00::/7")) return "is a private (unique local) address";
  if (within("ff00::/8")) return "is a multicast address";
  if (within("::ffff:0:0/96") || within("64:ff9b::/96")) return "is an IPv4 address in IPv6's clothes";
  return "is reserved";
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined; // ip-address throws for everything that isn't an address
  }
}
