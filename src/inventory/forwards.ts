import { Ds4Error } from "../core/errors.js";
import { nearest } from "./nearest.js";
import { protocolName, protocolNumber, protocols, tcp, udp } from "./protocols.js";

/** Ports, the last one included. */
export type PortRange = readonly [first: number, last: number];

/** Packets of one IP protocol: all of them or, with TCP and UDP, those to some ports. */
export type Flow = {
  /** The protocol's number. */
  readonly protocol: number;
  readonly ports?: PortRange;
  /** Where it isn't the same: the server's port for the first of `ports`; the others follow. */
  readonly to?: number;
};

/** What of the public IPv4 somebody wants. */
export type Traffic = {
  /** All that no flow of any server is, and that isn't excepted. */
  readonly all?: { readonly except: readonly Flow[] };
  readonly flows: readonly Flow[];
};

/** By which way what a server begins itself leaves: with the public IPv4, or by the home's provider. */
export type Egress = "vps" | "isp";

/** What goes to one server. */
export type Forward = Traffic & {
  /** IPv4 in the router's LAN; with a relay, an IPv6 address or a name. */
  readonly server: string;
  /** The public IPv4 that it is for, and where the inventory file says so; absent: the site's. */
  readonly publicIPv4?: { readonly address: string; readonly line: number; readonly column: number };
  readonly egress: Egress;
  /** Where the inventory file says so. */
  readonly line: number;
};

/** Each has priorities of its own on the router. */
export const maxServers = 16;

/** Each has a visitor of its own, who proves it. */
export const maxPublicIPv4s = 16;

/**
 * Reads `all`, `all except tcp/22, tcp/8443`, `icmp`, `47`, `tcp/443`, `tcp+udp/5060`, `tcp/8000-8100` or
 * `tcp/2222 -> 22`. @throws Ds4Error whose message goes on behind the text, with what to write instead.
 */
export function readTraffic(text: string): Traffic {
  const words = text.trim().toLowerCase();
  const all = /^all(?:\s+except\b(.*))?$/.exec(words);
  if (all !== null) {
    if (all[1] === undefined) return { all: { except: [] }, flows: [] };
    const parts = partsOf(all[1]);
    if (parts.length === 0)
      throw new Ds4Error("excepts nothing", {
        hint: 'Write all, or "all except tcp/22" in quotes: in [ ], a comma begins a new entry.',
      });
    const wanted = `all except ${withProtocols(parts).join(", ")}`;
    // It would be taken for an IP protocol, and the port that was meant would go home.
    const number = parts.find((part) => /^\d/.test(part));
    if (number !== undefined)
      throw new Ds4Error(`leaves out ${number}, which is no port without its protocol`, {
        hint: `Write ${wanted}; another IP protocol by its name.`,
      });
    refuseEmpty(all[1], wanted);
    const except = parts.flatMap(readFlows);
    refuseTwice(parts);
    if (except.some(({ to }) => to !== undefined))
      throw new Ds4Error("moves a port that stays with the VPS", {
        hint: "Leave the -> out: all except tcp/22, for example.",
      });
    return { all: { except }, flows: [] };
  }
  if (words.includes(",")) {
    const parts = partsOf(words);
    if (parts.length < 2) refuseEmpty(words, withProtocols(parts).join() || "a port, such as tcp/443");
    refuseTwice(parts);
    throw new Ds4Error("is more than one", { hint: listInstead(parts) });
  }
  return { flows: readFlows(words) };
}

const partsOf = (words: string) =>
  words
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");

/** What to write instead of a lone number beside ports: it is one, more likely than a protocol, which has a name. */
export function meantAsPort(items: readonly unknown[], at: number): string | undefined {
  const number = /^\s*(\d+(?:-\d+)?)\s*$/.exec(String(items[at]))?.[1];
  const besides = items.flatMap((item) => /^\s*(tcp\+udp|udp\+tcp|tcp|udp)\//i.exec(String(item))?.[1] ?? []);
  const [protocol] = besides;
  if (number === undefined || protocol === undefined) return undefined;
  const name = protocolName(Number(number));
  // What has no name, and `ipip`, can't be written so.
  const known = Object.hasOwn(protocols, name) && name !== "ipip";
  return `Write ${protocol.toLowerCase()}/${number}${known ? `, or ${name} for the IP protocol` : ""}.`;
}

/** Something may have been forgotten beside a comma, and would go where nobody wants it. */
function refuseEmpty(words: string, wanted: string): void {
  if (words.split(",").some((part) => part.trim() === ""))
    throw new Ds4Error("has a comma with nothing beside it", { hint: `Write ${wanted}.` });
}

/** Refuses what contains another one beside it; what can't be read is refused elsewhere. */
function refuseTwice(parts: readonly string[]): void {
  const read = parts.map((part) => {
    try {
      return readFlows(part);
    } catch {
      return [];
    }
  });
  for (const [at, flows] of read.entries()) {
    const before = read.findIndex(
      (others, index) => index < at && others.some((other) => flows.some((flow) => overlap(flow, other))),
    );
    if (before >= 0)
      throw new Ds4Error(`has something twice: ${parts[at]} overlaps ${parts[before]}`, {
        hint: "Leave one of the two out.",
      });
  }
}

/** What somebody may have meant who has written several in one text. */
function listInstead(parts: readonly string[]): string {
  const [first = "", second = ""] = parts;
  if (parts.includes("all")) return "Write all alone: it is all that nobody else gets.";
  if (/^(tcp|udp)$/.test(first) && /^(tcp|udp)\//.test(second)) return `Write ${first}+${second}.`;
  return `Write a list: [${withProtocols(parts).join(", ")}].`;
}

/** Ports after another one with its protocol, each with that: `tcp/80, 443` as `tcp/80, tcp/443`. */
function withProtocols(parts: readonly string[]): readonly string[] {
  let protocol = "tcp";
  return parts.map((part) => {
    protocol = /^((?:tcp|udp|\+)+)\//.exec(part)?.[1] ?? protocol;
    return /^\d/.test(part) ? `${protocol}/${part}` : part;
  });
}

function readFlows(text: string): readonly Flow[] {
  const [, names = "", from, to] = /^([a-z0-9+.-]+)(?:\/([^\s>]+?))?(?:\s*->\s*(\S+))?$/.exec(text) ?? [];
  if (names === "")
    throw new Ds4Error("is nothing that can be forwarded", {
      hint: "Write all, icmp, another IP protocol, or ports such as tcp/443, udp/51820, tcp/8000-8100 or tcp/2222 -> 22.",
    });
  if (/^\d/.test(names) && /^(tcp|udp)$/.test(from ?? ""))
    throw new Ds4Error("has its protocol behind the port", { hint: `Write ${from}/${names}.` });
  const numbers = names.split("+").map((word) => readProtocol(word, text));
  if (from === undefined) {
    if (to !== undefined)
      throw new Ds4Error("moves no port", { hint: "Write a port before the -> as well: tcp/2222 -> 22." });
    return numbers.map((protocol) => ({ protocol }));
  }
  const portless = numbers.find((protocol) => protocol !== tcp && protocol !== udp);
  if (portless !== undefined)
    throw new Ds4Error(`has ports, and only those of tcp and udp are told apart`, {
      hint: `Write ${protocolName(portless)} for all of it.`,
    });
  const ports = readPorts(from);
  if (to === undefined) return numbers.map((protocol) => ({ protocol, ports }));
  const target = readPorts(to);
  if (sizeOf(target) !== sizeOf(ports)) {
    // As it was begun, or where there is no room for that, the last ones that there are.
    const first = Math.min(target[0], 65536 - sizeOf(ports));
    const fits = `${names}/${from} -> ${showPorts([first, first + sizeOf(ports) - 1])}`;
    throw new Ds4Error(`moves ${sizeOf(ports)} port${sizeOf(ports) === 1 ? "" : "s"} to ${sizeOf(target)}`, {
      hint: `Write a range of the same size${first < target[0] ? " that ends at 65535 or before" : ""}: ${fits}.`,
    });
  }
  return numbers.map((protocol) => ({
    protocol,
    ports,
    ...(target[0] === ports[0] ? {} : { to: target[0] }),
  }));
}

function readProtocol(word: string, text: string): number {
  if (/^\d+$/.test(word)) {
    const number = Number(word);
    if (number >= 1 && number <= 254) return number;
    throw new Ds4Error(`has no IP protocol ${word}`, {
      hint: "Protocols are 1 to 254; a port is written tcp/443.",
    });
  }
  if (word === "ipip")
    throw new Ds4Error("names two protocols", { hint: "Write 4 for IP in IP (RFC 2003), or 94." });
  const number = protocolNumber(word);
  if (number !== undefined) return number;
  const meant = nearest(word, ["all", ...Object.keys(protocols)]);
  throw new Ds4Error(`has no IP protocol that is known: ${JSON.stringify(word)}`, {
    hint:
      meant === undefined
        ? "Write its number, 1 to 254, or tcp/443 for a port."
        : `Did you mean ${text.replace(word, meant)}?`,
  });
}

function readPorts(text: string): PortRange {
  const [, first, last = first] = /^(\d{1,9})(?:-(\d{1,9}))?$/.exec(text) ?? [];
  if (first === undefined)
    throw new Ds4Error(`has no port: ${JSON.stringify(text)}`, {
      hint: "Write a number from 1 to 65535, or two of them as in 8000-8100.",
    });
  const range = [Number(first), Number(last)] as const;
  const bad = range.find((port) => port < 1 || port > 65535);
  if (bad !== undefined) throw new Ds4Error(`has no port ${bad}`, { hint: "Ports are 1 to 65535." });
  if (range[0] > range[1])
    throw new Ds4Error(`has a range that ends before it begins`, {
      hint: `Write ${showPorts([range[1], range[0]])}.`,
    });
  return range;
}

/** How many ports. */
export const sizeOf = ([first, last]: PortRange) => last - first + 1;

/** `443` or `8000-8100`. */
export const showPorts = ([first, last]: PortRange) => (first === last ? String(first) : `${first}-${last}`);

/** A flow as the inventory has it: `tcp/8000-8100`, `tcp/2222 -> 22`, `gre`. */
export function showFlow({ protocol, ports, to }: Flow): string {
  const name = protocolName(protocol);
  if (ports === undefined) return name;
  const moved = to === undefined ? "" : ` -> ${showPorts([to, to + sizeOf(ports) - 1])}`;
  return `${name}/${showPorts(ports)}${moved}`;
}

/** The ports of a flow at the server. */
export function portsAtServer({ ports, to }: Flow): PortRange | undefined {
  return ports === undefined || to === undefined ? ports : [to, to + sizeOf(ports) - 1];
}

/** Whether a packet can be of both. */
export function overlap(a: Flow, b: Flow): boolean {
  if (a.protocol !== b.protocol) return false;
  if (a.ports === undefined || b.ports === undefined) return true;
  return a.ports[0] <= b.ports[1] && b.ports[0] <= a.ports[1];
}

/** Whether packets of this flow, or some of them, go to this server because of its `all`. */
export function isAmongAll({ all }: Traffic, flow: Flow): boolean {
  return all !== undefined && !all.except.some((stays) => overlap(stays, flow));
}

/** Whether packets to a port of the public IPv4 go to any server. */
export function goesHome(forwards: readonly Traffic[], protocol: number, port: number): boolean {
  const flow: Flow = { protocol, ports: [port, port] };
  return forwards.some(
    (forward) => forward.flows.some((other) => overlap(other, flow)) || isAmongAll(forward, flow),
  );
}

/** The server's port for one of the public IPv4 that goes home. */
export function portAtServer(forwards: readonly Traffic[], protocol: number, port: number): number {
  const flow: Flow = { protocol, ports: [port, port] };
  const { ports, to } = forwards.flatMap(({ flows }) => flows).find((other) => overlap(other, flow)) ?? {};
  return ports === undefined || to === undefined ? port : to + port - ports[0];
}

/** Whether TCP ports go to some server without being named. */
export function takesAnyPort(forwards: readonly Traffic[]): boolean {
  return forwards.some(
    ({ all, flows }) =>
      all !== undefined || flows.some(({ protocol, ports }) => protocol === tcp && ports === undefined),
  );
}

/** Something that is written in `forward:`, where it is: the number of its entry, and of its item in a list. */
export type Item = {
  readonly path: readonly PropertyKey[];
  readonly text: string;
  readonly server: string;
  /** The public IPv4 that its entry is for; undefined where that isn't known yet. */
  readonly publicIPv4: string | undefined;
  readonly traffic: Traffic;
};

/** What contradicts something that is written before it. */
export function findOverlaps(
  items: readonly Item[],
): readonly { readonly path: Item["path"]; readonly message: string; readonly hint: string }[] {
  return items.flatMap((item, at) => {
    const { path, text, traffic } = item;
    const said = JSON.stringify(text);
    const earlier = items
      .slice(0, at)
      .find((other) => other.publicIPv4 === item.publicIPv4 && clash(other, item));
    if (earlier !== undefined)
      return [
        {
          path,
          message: `${said} overlaps ${JSON.stringify(earlier.text)}, which goes to ${earlier.server} already`,
          hint: howToPart(earlier, item),
        },
      ];
    const twice = traffic.flows.some((flow, index) =>
      traffic.flows.slice(0, index).some((other) => overlap(other, flow)),
    );
    return twice ? [{ path, message: `${said} has something twice`, hint: "Write it once." }] : [];
  });
}

function clash(a: Item, b: Item): boolean {
  const [everything, other] = a.traffic.all === undefined ? [b, a] : [a, b];
  if (everything.traffic.all === undefined)
    return a.traffic.flows.some((flow) => b.traffic.flows.some((own) => overlap(flow, own)));
  // What a server has by its `all` can only be moved to other ports of its own.
  const named = other.server === everything.server && other.traffic.flows.some(({ to }) => to === undefined);
  return named || other.traffic.all !== undefined;
}

function howToPart(a: Item, b: Item): string {
  if (a.traffic.all !== undefined && b.traffic.all !== undefined)
    return "One server gets all that is left: name what the others get.";
  if (a.traffic.all !== undefined || b.traffic.all !== undefined)
    return `The server's \`all\` has it: leave it out. In [ ], a comma begins a new entry: write what is excepted in quotes, "all except tcp/22, tcp/8443".`;
  if (a.server === b.server)
    return "Both go to the same server: leave one of the two out, or what they share.";
  return "A port, or a protocol, goes to one server: take it out of one of the two.";
}
