import { z } from "zod";
import { Ds4Error } from "../core/errors.js";
import { parseTarget } from "../ssh/target.js";
import {
  broadcastOf,
  canonicalIPv4,
  canonicalIPv6,
  isPrivate4,
  networkOf,
  parsePrefix4,
  whyNotGlobal6,
  whyNotPublic4,
} from "./addresses.js";
import { meantAsPort, readTraffic, type Traffic } from "./forwards.js";

/** What a check finds wrong: `message` follows the quoted value, `hint` says what to write instead. */
type Wrong = { message: string; hint?: string } | undefined;

/** A string that `check` accepts, turned into its canonical form. */
function text(check: (value: string) => Wrong, canonical: (value: string) => string = (value) => value) {
  return z.string().transform((value, context) => {
    const wrong = check(value);
    if (wrong === undefined) return canonical(value);
    context.issues.push({
      code: "custom",
      input: value,
      message: `${JSON.stringify(value)} ${wrong.message}`,
      params: { hint: wrong.hint },
    });
    return z.NEVER;
  });
}

export const sshTarget = text((value) => {
  try {
    parseTarget(value);
    return undefined;
  } catch (error) {
    if (!(error instanceof Ds4Error)) throw error;
    const message = error.message.slice(JSON.stringify(value).length + 1);
    return { message, ...(error.hint !== undefined && { hint: error.hint }) };
  }
});

export const publicIPv4 = text(
  (value) => {
    const address = canonicalIPv4(value);
    const hint =
      "Write the address that visitors reach the VPS at, such as 203.0.113.144, or leave the key out.";
    if (address === undefined) return { message: "is no IPv4 address", hint };
    const why = whyNotPublic4(address);
    return why === undefined ? undefined : { message: `${why}, so no visitor can reach it`, hint };
  },
  (value) => canonicalIPv4(value)!,
);

export function endpoint6(example: string, alternative: string) {
  const hint = `Write an IPv6 address of its uplink's prefix, such as ${example}${alternative}, or leave the key out.`;
  return text(
    (value) => {
      const address = canonicalIPv6(value);
      if (address === undefined)
        return { message: /[/%]/.test(value) ? "is not just an address" : "is no IPv6 address", hint };
      const why = whyNotGlobal6(address);
      return why === undefined ? undefined : { message: `${why}: it can't be an end of the tunnel`, hint };
    },
    (value) => canonicalIPv6(value)!,
  );
}

export function endpoint6OrPrimary(example: string) {
  return z.string().transform((value, context) => {
    if (value === "primary") return value;
    const parsed = endpoint6(example, " or `primary`").safeParse(value);
    if (parsed.success) return parsed.data;
    for (const issue of parsed.error.issues) context.issues.push({ ...issue, input: value } as never);
    return z.NEVER;
  });
}

export const lan = text(
  (value) => {
    const prefix = parsePrefix4(value);
    if (prefix === undefined)
      return {
        message: "is no IPv4 prefix",
        hint: "Write the LAN's network and its length, such as 192.168.1.0/24.",
      };
    const network = networkOf(prefix);
    if (network !== prefix.address)
      return {
        message: "has host bits set",
        hint: `The prefix of that address is ${network}/${prefix.length}.`,
      };
    if (prefix.length < 8 || prefix.length > 30)
      return { message: "is no LAN's prefix", hint: "A LAN is /8 to /30, mostly /24." };
    return undefined;
  },
  (value) => {
    const { address, length } = parsePrefix4(value)!;
    return `${address}/${length}`;
  },
);

export const server = text(
  (value) => {
    const address = canonicalIPv4(value);
    const hint = "Write the home server's own address in the LAN, such as 192.168.1.210.";
    if (address === undefined) return { message: "is no IPv4 address", hint };
    if (!isPrivate4(address))
      return { message: `is not in a private range (10/8, 172.16/12, 192.168/16)`, hint };
    // The ends of the whole private ranges; those of the LAN are looked at with router.lan.
    const range = [8, 12, 16].map((length) => ({ address, length }));
    if (range.some((prefix) => networkOf(prefix) === address || broadcastOf(prefix) === address))
      return { message: "names a whole network, not a host", hint };
    return undefined;
  },
  (value) => canonicalIPv4(value)!,
);

/** What an entry of `forward` may name as its server; which of it, the mode says (cross-field.ts). */
export const forwardServer = text(
  () => undefined,
  (value) => canonicalIPv4(value) ?? canonicalIPv6(value) ?? value.toLowerCase(),
);

const label = "[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?";
/** The last part of a name isn't a number, as that of an IPv4 address is. */
const hostName = new RegExp(`^(?=.{1,253}$)(${label}\\.)*(?!\\d+$)${label}$`, "i");

export const relayServer = text(
  (value) => {
    const hint =
      "Write the server's own IPv6 address, such as 2001:db8:100::210, or a name that has one, such as home.example.org.";
    if (/^[\d.]+$/.test(value)) return { message: "is an IPv4 address, and a relay goes home by IPv6", hint };
    if (!/[:/]/.test(value))
      return hostName.test(value) ? undefined : { message: "is neither an IPv6 address nor a name", hint };
    const address = canonicalIPv6(value);
    if (address === undefined)
      return { message: /[/%]/.test(value) ? "is not just an address" : "is no IPv6 address", hint };
    const why = whyNotGlobal6(address);
    return why === undefined ? undefined : { message: `${why}: the VPS can't reach it`, hint };
  },
  (value) => canonicalIPv6(value) ?? value.toLowerCase(),
);

/** One text for `readTraffic`, or a list of them; a lone number is a protocol's. */
export const traffic = z.unknown().transform((value, context): Traffic => {
  const all: Traffic[] = [];
  const items = Array.isArray(value) ? value : [value];
  for (const [at, item] of items.entries()) {
    const refuse = (message: string, hint = "Write text, such as tcp/443, or a list of them.") =>
      context.issues.push({
        code: "custom",
        input: item,
        message,
        path: Array.isArray(value) ? [at] : [],
        params: { hint },
      });
    if (typeof item !== "string" && typeof item !== "number") {
      refuse(item == null ? "missing" : "must be text or a list of texts");
      continue;
    }
    const meant = meantAsPort(items, at);
    if (meant !== undefined) {
      refuse(`${item} stands among ports, and lacks its protocol`, meant);
      continue;
    }
    try {
      all.push(readTraffic(String(item)));
    } catch (error) {
      if (!(error instanceof Ds4Error)) throw error;
      refuse(`${JSON.stringify(String(item))} ${error.message}`, error.hint);
    }
  }
  if (items.length === 0)
    context.issues.push({
      code: "custom",
      input: value,
      message: "is an empty list",
      params: { hint: "Write what goes to the server, such as tcp/443, or leave the entry out." },
    });
  const rest = all.find((one) => one.all !== undefined)?.all;
  return { ...(rest === undefined ? {} : { all: rest }), flows: all.flatMap(({ flows }) => flows) };
});

/** IFNAMSIZ is 16 with the closing zero byte. */
export const INTERFACE_BYTES = 15;

function interfaceName(hint: string, allowed: RegExp, allowedWords: string) {
  return text((value) => {
    if (Buffer.byteLength(value) > INTERFACE_BYTES)
      return {
        message: `is too long for an interface: ${value.length} letters, at most ${INTERFACE_BYTES}`,
        hint,
      };
    return allowed.test(value) ? undefined : { message: `is no interface name: ${allowedWords}`, hint };
  });
}

export const linuxUplink = interfaceName(
  "Write the device's name as `ip link` shows it before any @, such as eth0.",
  /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/,
  "letters, digits, _ . and - only",
);
export const routerUplink = interfaceName(
  "Write the name of the interface in /etc/config/network, such as wan6.",
  /^[A-Za-z0-9_]+$/,
  "letters, digits and _ only",
);

const RESERVED_NAMES = ["lo", "all", "default", "ip6tnl0", "tunl0", "eth0", "wan", "lan", "br-lan"];
export const tunnelName = text((value) => {
  const hint = "Write a free name of at most 15 letters, such as wrap1, or leave the key out.";
  if (Buffer.byteLength(value) > INTERFACE_BYTES)
    return {
      message: `is too long for an interface: ${value.length} letters, at most ${INTERFACE_BYTES}`,
      hint,
    };
  if (!/^[A-Za-z][A-Za-z0-9_-]*$/.test(value))
    return { message: "is no tunnel name: a letter, then letters, digits, _ and - only", hint };
  if (RESERVED_NAMES.includes(value)) return { message: "is taken by the system", hint };
  return undefined;
});

// fw4's own pattern; fw3 (before OpenWrt 22.03) made chains of it and took 11 letters.
export const zone = text((value) =>
  /^[a-zA-Z_.][a-zA-Z0-9/_.-]{0,62}$/.test(value)
    ? undefined
    : {
        message: "is no name of a firewall zone",
        hint: "Write the zone's `option name` in /etc/config/firewall, such as wan.",
      },
);

function whole(check: (value: number) => Wrong) {
  return z.number().check((context) => {
    const near = Math.round(context.value);
    const wrong = Number.isInteger(context.value)
      ? check(context.value)
      : { message: "is no whole number", hint: check(near)?.hint ?? `Write ${near}, for example.` };
    if (wrong !== undefined)
      context.issues.push({
        code: "custom",
        input: context.value,
        message: `${context.value} ${wrong.message}`,
        params: { hint: wrong.hint },
      });
  });
}

/** An IPv6 path carries at least 1280 bytes, and the outer header takes 40 of them. */
export const MTU_MIN = 1240;
/** The greatest IPv6 payload without jumbograms, 65535, less the 40 of the outer header. */
export const MTU_MAX = 65495;
export const mtu = whole((value) =>
  value >= MTU_MIN && value <= MTU_MAX
    ? undefined
    : {
        message: `is no MTU for the tunnel: it is ${MTU_MIN} to ${MTU_MAX}`,
        hint:
          value < MTU_MIN
            ? `Every IPv6 path carries 1280 bytes, and the tunnel's header takes 40 of them: ${MTU_MIN} always fits.`
            : "A packet has at most 65535 bytes, and the tunnel's header takes 40 of them. Mostly it is 1460.",
      },
);

export const TABLE_MAX = 2 ** 32 - 1;
export const table = whole((value) => {
  const hint = "Write a free table's number, such as 42, or leave the key out.";
  if (value >= 253 && value <= 255)
    return { message: "is one of the kernel's own routing tables (253 default, 254 main, 255 local)", hint };
  return value >= 1 && value <= TABLE_MAX
    ? undefined
    : { message: `is no routing table: 1 to ${TABLE_MAX}`, hint };
});
