import { randomBytes } from "node:crypto";
import type { Armed } from "../core/dead-man-switch.js";
import { ConflictError, HostError } from "../core/errors.js";
import { type HostName, hostEntries, hostTitles, onHosts, type PerHost } from "../core/hosts.js";
import { type Holder, type Lease, lockProbe, readLock } from "../core/lock.js";
import type { Owned } from "../core/owned.js";
import type { HostState } from "../core/plan.js";
import { excerpt } from "../core/printable.js";
import { type Probe, readScript, type Section, splitSections } from "../core/script.js";
import type { Peer, Shell } from "../core/shell.js";
import type { Step } from "../core/step.js";
import { type HomeFacts, homeProbes, parseHomeFacts } from "../hosts/home/facts.js";
import { usable } from "../hosts/linux/end.js";
import type { LinuxFacts } from "../hosts/linux/facts.js";
import { parseRouterFacts, type RouterFacts, routerProbes } from "../hosts/router/facts.js";
import { parseVpsFacts, type VpsFacts, vpsProbes } from "../hosts/vps/facts.js";
import { measurePath, parsePath, pathProbe } from "../hosts/vps/path.js";
import type { Site } from "../inventory/site.js";
import { stepsOf } from "../steps/index.js";

/** The connections to all hosts. */
export type Shells = PerHost<Shell>;

/** What is known of every host. */
export type HostFacts = {
  /** What ds4 keeps there. */
  readonly owned: Owned | undefined;
  /** The dead-man switch of a change that isn't confirmed yet. */
  readonly armed: Armed | undefined;
  /** Whether anything of ds4's is there. */
  readonly marked: boolean;
  /** Kibibytes free for files under /etc. */
  readonly freeKib: number;
  /** The way by which the laptop came in. */
  readonly way?: readonly Peer[];
} & Partial<Pick<LinuxFacts, "ssh4" | "links" | "uplink6">>;

export type HostReading<Facts> = {
  readonly facts: Facts;
  readonly actual: HostState;
  /** What each probe printed. */
  readonly sections: ReadonlyMap<string, Section>;
};

/** All hosts as they are. */
export type Reading = {
  readonly vps: HostReading<VpsFacts>;
  readonly router?: HostReading<RouterFacts>;
  readonly home?: HostReading<HomeFacts>;
};

/** The same, where it doesn't matter what kind of host it is. */
export type AnyReading = PerHost<HostReading<HostFacts>>;

type Reader = (
  site: Site,
  shell: Shell,
  more?: readonly Probe[],
  onLine?: (line: string) => void,
) => Promise<HostReading<HostFacts>>;
const readers: Readonly<Record<HostName, Reader>> = {
  vps: readVps,
  router: readRouter,
  home: readHome,
};

/** One read script a host, all at once. @throws HostError where a host can't be read or isn't what it should be. */
export async function readHosts(site: Site, shells: Shells, more: More = {}): Promise<Reading> {
  return (await onHosts(shells, (shell, host) => readers[host](site, shell, more[host]))) as Reading;
}

/** Probes beside the usual ones, whose sections the reading then has, too. */
export type More = Readonly<Partial<Record<HostName, readonly Probe[]>>>;

/**
 * The same for a change, with all hosts' locks taken first: the VPS's, then one after the other at home, so that of two
 * runs one gets them all. Costs a round trip more. The caller gives them back, whatever comes of it.
 * @throws ConflictError that names who has a lock.
 */
export async function lockAndRead(site: Site, shells: Shells, lease: Lease): Promise<Reading> {
  const probe = lockProbe(lease);
  const running = new Map<HostName, Promise<HostReading<HostFacts>>>();
  const order = hostEntries(shells);
  const start = (at: number) => {
    const [host, shell] = order[at] ?? [];
    if (host === undefined || shell === undefined || running.has(host)) return;
    // The first thing that it prints, long before it is read.
    const onLine = (line: string) => (line === "taken" ? start(at + 1) : undefined);
    const reading = readers[host](site, shell, [probe], onLine);
    reading.catch(() => {});
    running.set(host, reading);
  };
  start(0);
  const holders: { readonly host: HostName; readonly holder: Holder }[] = [];
  for (const [host, reading] of running) {
    // The map grows meanwhile: whoever is to come next is in it once this one is read.
    const sections = await reading.then(({ sections }) => sections).catch(() => undefined);
    const holder = sections && readLock(sections.get(probe.name));
    if (holder !== undefined) holders.push({ host, holder });
  }
  const [first] = holders;
  if (first !== undefined) {
    const { host, holder } = first;
    throw new ConflictError(
      `${holder.by} is changing this site since ${holder.since}, and has the ${hostTitles[host]}'s lock`,
      {
        hint: `wait until that is done, then run the same command again; if that run is dead, its lock ends in ${holder.secondsLeft} s`,
      },
    );
  }
  return Object.fromEntries(
    await Promise.all([...running].map(async ([host, reading]) => [host, await reading] as const)),
  ) as Reading;
}

async function readVps(
  site: Site,
  shell: Shell,
  more: readonly Probe[] = [],
  onLine?: (line: string) => void,
): Promise<HostReading<VpsFacts>> {
  const sections = await read(
    shell,
    [...more, ...vpsProbes, ...stepProbes(stepsOf.vps, site), pathProbe],
    onLine,
  );
  const facts = { ...parseVpsFacts(sections, parsePath(sections.get(pathProbe.name))), way: shell.way ?? [] };
  checkRoot(facts, "VPS");
  return { facts, actual: parseSteps(stepsOf.vps, sections, facts, site), sections };
}

async function readHome(
  site: Site,
  shell: Shell,
  more: readonly Probe[] = [],
  onLine?: (line: string) => void,
): Promise<HostReading<HomeFacts>> {
  const probes = [...more, ...homeProbes(site.tunnel.table), ...stepProbes(stepsOf.home, site)];
  const sections = await read(shell, probes, onLine);
  const facts = { ...parseHomeFacts(sections), way: shell.way ?? [] };
  checkRoot(facts, "home machine");
  return { facts, actual: parseSteps(stepsOf.home, sections, facts, site), sections };
}

function checkRoot({ root }: LinuxFacts, name: string): void {
  if (root) return;
  throw new HostError(`on the ${name}, ds4 is not root`, {
    hint: "log in as root, or as a user who may use sudo without a password",
  });
}

async function readRouter(
  site: Site,
  shell: Shell,
  more: readonly Probe[] = [],
  onLine?: (line: string) => void,
): Promise<HostReading<RouterFacts>> {
  const sections = await read(shell, [...more, ...routerProbes, ...stepProbes(stepsOf.router, site)], onLine);
  const facts = { ...parseRouterFacts(sections), way: shell.way ?? [] };
  return { facts, actual: parseSteps(stepsOf.router, sections, facts, site), sections };
}

/** Runs probes in one script. @throws HostError where the shell can't. */
export async function read(
  shell: Shell,
  probes: readonly Probe[],
  onLine?: (line: string) => void,
): Promise<ReadonlyMap<string, Section>> {
  const nonce = randomBytes(6).toString("hex");
  const { stdout, stderr, code } = await shell.run(
    readScript(probes, nonce),
    onLine === undefined ? {} : { onLine },
  );
  if (code !== 0) {
    throw new HostError(
      `the ${shell.label} can't run a shell script: ${excerpt(stderr) || `exit status ${code}`}`,
      {
        hint: stderr.includes("sudo")
          ? "let the user use sudo without a password, or log in as root"
          : "check that this user has a POSIX shell there",
      },
    );
  }
  return splitSections(stdout, probes, nonce);
}

function stepProbes<Facts>(steps: readonly Step<never, Facts>[], site: Site): readonly Probe[] {
  return steps.map((step) => ({ name: step.name, script: step.probe(site) }));
}

function parseSteps<Facts>(
  steps: readonly Step<never, Facts>[],
  sections: ReadonlyMap<string, Section>,
  facts: Facts,
  site: Site,
): HostState {
  return new Map(
    steps.map((step) => [
      step.name,
      step.parse(sections.get(step.name) ?? { stdout: "", code: 1 }, facts, site),
    ]),
  );
}

/**
 * Measures the path between both ends where it isn't known yet; otherwise the reading as it is. One more round
 * trip, on the VPS alone, at the first `apply` and when the path has shrunk.
 */
export async function withPath(site: Site, shells: Shells, reading: Reading): Promise<Reading> {
  const { path: measured, owned } = reading.vps.facts;
  // What was measured last was the way to the tunnel's end of then.
  const known = (measured?.answered.length ?? 0) > 0 && owned?.tunnel?.atHome === site.tunnel.end;
  const target = site.tunnel.mtu !== undefined || known ? undefined : addressAtHome(site, reading);
  if (target === undefined) return reading;
  const { stdout, code } = await shells.vps.run(measurePath(target));
  const path = parsePath({ stdout, code });
  return { ...reading, vps: { ...reading.vps, facts: { ...reading.vps.facts, path } } };
}

/** An IPv6 address of the host at home that the internet knows. */
function addressAtHome(site: Site, { router, home }: Reading): string | undefined {
  if (home !== undefined && site.tunnel.end === "home")
    return usable(home.facts, site.home?.uplink ?? home.facts.uplink6)[0]?.address;
  const interfaces = router?.facts.interfaces ?? [];
  const uplink = interfaces.find((entry) => entry.up && entry.defaultRoute6);
  return [...(uplink?.ipv6 ?? []), ...interfaces.flatMap(({ ipv6 }) => ipv6)].find(({ address }) =>
    /^[23]/.test(address),
  )?.address;
}
