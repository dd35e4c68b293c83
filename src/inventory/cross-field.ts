import type { z } from "zod";
import { Ds4Error } from "../core/errors.js";
import { parseTarget, type SshTarget } from "../ssh/target.js";
import { broadcastOf, contains4, parsePrefix4 } from "./addresses.js";
import { server as lanServer, relayServer } from "./checks.js";
import { fields } from "./fields.js";
import { findOverlaps, type Item, maxPublicIPv4s, maxServers, meantAsPort, readTraffic } from "./forwards.js";
import { relayProblems } from "./relays.js";

type Field = keyof typeof fields;
type Path = readonly PropertyKey[];
/** A contradiction between two keys; `path` is the one to point at. */
export type CrossProblem = { readonly path: Path; readonly message: string; readonly hint: string };
/** A server where it is named, with the public IPv4 that is its own there as far as that is known. */
type Named = { readonly path: Path; readonly server: string; readonly publicIPv4?: string | undefined };
type Add = (path: Path, message: string, hint: string) => unknown;

/** Finds contradictions between keys that are right each by itself. `valueAt` gives a key's value in the file. */
export function crossProblems(valueAt: (path: Path) => unknown): CrossProblem[] {
  const readAs = (field: Field, path: Path): string | undefined => {
    const parsed = fields[field].safeParse(valueAt(path));
    return parsed.success ? String(parsed.data) : undefined;
  };
  const read = (field: Field) => readAs(field, field.split("."));
  const problems: CrossProblem[] = [];
  const add: Add = (path, message, hint) => problems.push({ path, message, hint });

  const mode = valueAt(["mode"]) ?? "tunnel";
  const relay = mode === "relay";
  const set = (path: Path) => isSet(valueAt(path));
  const end = read("tunnel.end");
  if (!relay && !set(["tunnel", "end"]) && set(["router"]) && set(["home"]))
    add(
      ["home"],
      "router says already what ends the tunnel at home",
      "Keep one of the two; or say which one it is, `tunnel: { end: home }`: what a former tunnel left on the other one is taken away then.",
    );
  if (!relay && end !== undefined && !set([end]))
    add(
      ["tunnel", "end"],
      `${end} isn't in this site`,
      `Leave it out, or add \`${end}:\` and how to reach it.`,
    );
  const [vps, router, home] = [read("vps.ssh"), read("router.ssh"), read("home.ssh")].map(
    (text) => text && parseTarget(text),
  );
  for (const [key, target] of [["router", router] as const, ["home", home] as const])
    if (vps && target && sameHost(vps, target))
      add(
        [key, "ssh"],
        `${JSON.stringify(target.text)} is the VPS itself`,
        `vps.ssh and ${key}.ssh are two hosts.`,
      );
  if (router && home && sameHost(router, home))
    add(
      ["home", "ssh"],
      `${JSON.stringify(home.text)} is the router itself`,
      "router.ssh and home.ssh are two hosts.",
    );

  for (const key of ["router", "home"] as const) {
    const [vpsEnd, homeEnd] = [read("vps.endpoint"), read(`${key}.endpoint`)];
    if (vpsEnd !== undefined && vpsEnd === homeEnd && vpsEnd !== "primary")
      add(
        [key, "endpoint"],
        `${homeEnd} is the VPS's end of the tunnel too`,
        "Each end has an address of its own host's prefix. Leave both keys out to have them made.",
      );
  }

  const forward = valueAt(["forward"]);
  const entries: readonly unknown[] = Array.isArray(forward) ? forward : [];
  const site = read("vps.publicIPv4");
  const publicOf = (at: number) => {
    const path = ["forward", at, "publicIPv4"];
    const value = valueAt(path);
    // One that is wrong by itself is another one all the same.
    return value === undefined ? site : (readAs("forward.publicIPv4", path) ?? String(value));
  };
  const items = readItems(entries, publicOf);
  if (relay) problems.push(...relayProblems(items, valueAt(["server"])));
  else if (forward !== undefined && valueAt(["server"]) !== undefined)
    add(
      ["forward"],
      "server says already that all of it goes to one server",
      "Keep one of the two: in forward, that is an entry with `traffic: all`.",
    );
  const wayOut = [["egress"], ...entries.map((_, at) => ["forward", at, "egress"])];
  if (relay) {
    for (const path of wayOut.filter(set))
      add(
        path,
        "a relay has no say in what the servers begin",
        "With `mode: relay`, leave it out: that leaves by the home's provider.",
      );
    if (set(["hairpin"]))
      add(
        ["hairpin"],
        "a relay changes nothing at home",
        "With `mode: relay`, leave it out: LAN hosts that use the public IPv4 go by the VPS.",
      );
  } else if (set(["home"]) && end !== "router") {
    const withHome = `With ${end === "home" ? "`end: home`" : "home"}, leave it out`;
    for (const path of wayOut.filter((path) => valueAt(path) === "isp"))
      add(
        path,
        "isp takes an OpenWrt router that ends the tunnel",
        `${withHome}: what the servers begin leaves with the public IPv4.`,
      );
    if (valueAt(["hairpin"]) === "router")
      add(["hairpin"], "no OpenWrt router ends the tunnel of this site", `${withHome}.`);
  }
  const named = entries.flatMap((_, at): readonly Named[] => {
    const path = ["forward", at, "server"];
    const value = valueAt(path);
    if (typeof value !== "string" || (!relay && mode !== "tunnel")) return [];
    const parsed = (relay ? relayServer : lanServer).safeParse(value);
    if (parsed.success) return [{ path, server: parsed.data, publicIPv4: publicOf(at) }];
    for (const issue of parsed.error.issues as z.core.$ZodIssueCustom[]) {
      const other =
        !relay && relayServer.safeParse(value).success
          ? " With `mode: relay`, it is an IPv6 address or a name."
          : "";
      add(path, issue.message, `${String(issue.params?.hint)}${other}`);
    }
    return [];
  });
  const server = relay ? undefined : read("server");
  const servers: readonly Named[] = [
    ...(server === undefined ? [] : [{ path: ["server"], server }]),
    ...named,
  ];
  const lan = relay ? undefined : read("router.lan");
  for (const [at, { path, server, publicIPv4 }] of servers.entries()) {
    if (!relay && router && server === router.host)
      add(path, `${server} is the router itself`, "Write the address of the host behind the router.");
    if (lan !== undefined) serverInLan(path, server, lan, add);
    if (!relay && lan === undefined && valueAt(["router", "lan"]) === undefined && /\.(0|255)$/.test(server))
      add(
        path,
        `${server} names a whole network in a LAN of /24`,
        "Write the server's own address, or, where the LAN is larger, say so with router.lan.",
      );
    const earlier = servers.slice(0, at).filter((other) => other.server === server && other.path.length > 1);
    if (earlier.some((other) => other.publicIPv4 === publicIPv4))
      add(
        path,
        `${server} has an entry already`,
        "Put both into that one: `traffic: [tcp/443, udp/51820]`, for example.",
      );
    const egressOf = (of: Path) => valueAt([...of.slice(0, -1), "egress"]);
    const [egress, before] = [egressOf(path), earlier.map((other) => egressOf(other.path)).find(isSet)];
    if (isSet(egress) && isSet(before) && egress !== before)
      add(
        [...path.slice(0, -1), "egress"],
        `${server} has the egress ${String(before)} in an entry before`,
        "What a server begins leaves by one way: say it once, in its first entry.",
      );
  }
  atMost(
    maxServers,
    "servers",
    entries.map((_, at) => valueAt(["forward", at, "server"])),
    add,
  );
  atMost(
    maxPublicIPv4s,
    "public IPv4s",
    entries.map((_, at) => publicOf(at) ?? ""),
    add,
  );
  // Of what a relay refuses anyway, how to part it is no matter.
  const relayed = ({ traffic }: Item) => !traffic.all && traffic.flows.every(({ ports }) => ports);
  problems.push(...findOverlaps(relay ? items.filter(relayed) : items));

  const tunnel = read("tunnel.name");
  for (const field of ["vps.uplink", "router.uplink", "home.uplink"] as const)
    if (tunnel !== undefined && tunnel === read(field))
      add(
        ["tunnel", "name"],
        `"${tunnel}" is ${field} already`,
        "Give the tunnel a name of its own, such as wrap1.",
      );
  return problems;
}

const isSet = (value: unknown) => value !== undefined;

/** The first entry of `forward` that brings one too many of something; `values` has each entry's. */
function atMost(most: number, what: string, values: readonly unknown[], add: Add): void {
  const count = new Set(values).size;
  const at = values.findIndex((_, index) => new Set(values.slice(0, index + 1)).size > most);
  if (at >= 0)
    add(["forward", at], `there are ${count} ${what}, and ${most} at most`, "Leave some of them out.");
}

/** What the entries of `forward` ask for, as far as it is right by itself. */
function readItems(
  entries: readonly unknown[],
  publicOf: (at: number) => string | undefined,
): readonly Item[] {
  return entries.flatMap((entry, at) => {
    const { server, traffic } = (entry ?? {}) as { readonly server?: unknown; readonly traffic?: unknown };
    const path = ["forward", at, "traffic"];
    const texts = Array.isArray(traffic) ? traffic : [traffic];
    return texts.flatMap((value: unknown, index): Item[] => {
      if (typeof value !== "string" && typeof value !== "number") return [];
      const text = String(value);
      const read = meantAsPort(texts, index) ? undefined : attempt(() => readTraffic(text));
      if (read === undefined) return [];
      const place = Array.isArray(traffic) ? [...path, index] : path;
      return [{ path: place, text, server: String(server), publicIPv4: publicOf(at), traffic: read }];
    });
  });
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    // What is wrong by itself is said elsewhere.
    if (error instanceof Ds4Error) return undefined;
    throw error;
  }
}

function serverInLan(path: Path, server: string, lan: string, add: Add): void {
  const prefix = parsePrefix4(lan)!;
  if (!contains4(lan, server))
    add(path, `${server} is outside router.lan, ${lan}`, "The home server is a host of the router's LAN.");
  else if (server === prefix.address)
    add(path, `${server} names the LAN ${lan} itself, not a host`, "Write the home server's own address.");
  else if (server === broadcastOf(prefix))
    add(path, `${server} is the broadcast address of ${lan}`, "Write the home server's own address.");
}

function sameHost(a: SshTarget, b: SshTarget): boolean {
  return a.host.toLowerCase() === b.host.toLowerCase() && (a.port ?? 22) === (b.port ?? 22);
}
