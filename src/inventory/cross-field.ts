import { parseTarget, type SshTarget } from "../ssh/target.js";
import { broadcastOf, contains4, parsePrefix4 } from "./addresses.js";
import { fields } from "./fields.js";

type Path = keyof typeof fields;
/** A contradiction between two keys; `path` is the one to point at. */
export type CrossProblem = { readonly path: Path; readonly message: string; readonly hint: string };

/** Finds contradictions between keys that are right each by itself. `valueAt` gives a key's value in the file. */
export function crossProblems(valueAt: (path: Path) => unknown): CrossProblem[] {
  const read = (path: Path): string | undefined => {
    const parsed = fields[path].safeParse(valueAt(path));
    return parsed.success ? String(parsed.data) : undefined;
  };
  const problems: CrossProblem[] = [];
  const add = (path: Path, message: string, hint: string) => problems.push({ path, message, hint });

  const [vps, router] = [read("vps.ssh"), read("router.ssh")].map((text) => text && parseTarget(text));
  if (vps && router && sameHost(vps, router))
    add(
      "router.ssh",
      `${JSON.stringify(router.text)} is the VPS itself`,
      "vps.ssh and router.ssh are two hosts.",
    );

  const [vpsEnd, routerEnd] = [read("vps.endpoint"), read("router.endpoint")];
  if (vpsEnd !== undefined && vpsEnd === routerEnd)
    add(
      "router.endpoint",
      `${routerEnd} is the VPS's end of the tunnel too`,
      "Each end has an address of its own host's prefix. Leave both keys out to have them made.",
    );

  const server = read("server");
  const lan = read("router.lan");
  if (server !== undefined && router && server === router.host)
    add("server", `${server} is the router itself`, "Write the address of the host behind the router.");
  if (server !== undefined && lan !== undefined) serverInLan(server, lan, add);
  if (
    server !== undefined &&
    lan === undefined &&
    valueAt("router.lan") === undefined &&
    /\.(0|255)$/.test(server)
  )
    add(
      "server",
      `${server} names a whole network in a LAN of /24`,
      "Write the server's own address, or, where the LAN is larger, say so with router.lan.",
    );

  const tunnel = read("tunnel.name");
  for (const path of ["vps.uplink", "router.uplink"] as const)
    if (tunnel !== undefined && tunnel === read(path))
      add(
        "tunnel.name",
        `"${tunnel}" is ${path} already`,
        "Give the tunnel a name of its own, such as wrap1.",
      );
  return problems;
}

function serverInLan(
  server: string,
  lan: string,
  add: (path: Path, message: string, hint: string) => unknown,
): void {
  const prefix = parsePrefix4(lan)!;
  if (!contains4(lan, server))
    add(
      "server",
      `${server} is outside router.lan, ${lan}`,
      "The home server is a host of the router's LAN.",
    );
  else if (server === prefix.address)
    add(
      "server",
      `${server} names the LAN ${lan} itself, not a host`,
      "Write the home server's own address.",
    );
  else if (server === broadcastOf(prefix))
    add("server", `${server} is the broadcast address of ${lan}`, "Write the home server's own address.");
}

function sameHost(a: SshTarget, b: SshTarget): boolean {
  return a.host.toLowerCase() === b.host.toLowerCase() && (a.port ?? 22) === (b.port ?? 22);
}
