import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { lockAndRead, type Reading, readHosts, type Shells } from "../converge/read.js";
import { type HostName, onHosts } from "../core/hosts.js";
import { type Lease, leaseSeconds, releaseLine, renewLines } from "../core/lock.js";
import { group } from "../core/script.js";
import type { Shell } from "../core/shell.js";
import { findSite } from "../inventory/find.js";
import { loadSite } from "../inventory/load.js";
import { hostsOf, type Site } from "../inventory/site.js";
import type { Progress } from "../report/progress.js";
import { userName } from "../ssh/surroundings.js";
import type { Connections } from "../transaction/undertaking.js";
import { onInterrupt } from "./interrupt.js";
import { terminalPrompt } from "./prompt.js";

/** Options that every command has. */
export type CommonOptions = {
  readonly inventory: string;
  readonly json?: boolean;
  readonly sshConfig?: string;
  readonly acceptNewHostKey?: boolean;
};

/** Reads and checks the inventory; opens no connection. */
export async function openSite(name: string | undefined, options: CommonOptions): Promise<Site> {
  return loadSite(await findSite(options.inventory, name));
}

/** What a command has while all hosts are connected. */
export type Session = Connections & { readonly reading: Reading };

/** The same for a change, which holds all hosts' locks. */
export type LockedSession = Session & {
  readonly lease: Lease;
  /** To be called when the locks were given back along with something else. */
  released(): void;
};

/**
 * Connects to all hosts at once, reads them, and hands both to `work`; closes everything whatever happens.
 * `expectedRuns` are the scripts a host, the first read included: their shells are opened in one go.
 */
export function withHosts<T>(
  site: Site,
  options: CommonOptions,
  progress: Progress,
  expectedRuns: number,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  return connected(site, options, progress, expectedRuns, async (connections) =>
    work({
      ...connections,
      reading: await progress.task("all", "read", () => readHosts(site, connections.shells)),
    }),
  );
}

/** The same with the hosts' locks, which are given back whatever happens. @throws ConflictError where one is held */
export function withLockedHosts<T>(
  site: Site,
  options: CommonOptions,
  progress: Progress,
  expectedRuns: number,
  work: (session: LockedSession) => Promise<T>,
): Promise<T> {
  return connected(site, options, progress, expectedRuns, (connections) => {
    const { shells } = connections;
    const lease = newLease();
    return holding(lease, shells, async (released) => {
      const reading = await progress.task("all", "read", () => lockAndRead(site, shells, lease));
      return work({ ...connections, reading, lease, released });
    });
  });
}

async function connected<T>(
  site: Site,
  options: CommonOptions,
  progress: Progress,
  expectedRuns: number,
  work: (connections: Connections) => Promise<T>,
): Promise<T> {
  const { connect } = await import("../ssh/connect.js");
  const { parseTarget } = await import("../ssh/target.js");
  const prompt = terminalPrompt(progress);
  const opened: Shell[] = [];
  let over = false;
  const open = async (label: HostName, runs: number): Promise<Shell> => {
    const shell = await connect(parseTarget(site[label]?.ssh ?? ""), {
      label,
      ...(prompt === undefined ? {} : { prompt }),
      ...(options.sshConfig === undefined ? {} : { sshConfigFile: options.sshConfig }),
      acceptNewHostKey: options.acceptNewHostKey === true,
      onNotice: progress.note,
      expectedRuns: runs,
    });
    // Nobody waits for it any more, and an open connection would keep ds4 from ending.
    if (over) await shell.close();
    opened.push(shell);
    return shell;
  };
  const openAll = async (start: (label: HostName) => Promise<Shell>): Promise<Shells> => {
    const results = await Promise.allSettled(
      hostsOf(site).map(async (host) => [host, await start(host)] as const),
    );
    const failures = results.flatMap((r) => (r.status === "rejected" ? [r.reason as unknown] : []));
    // All of them, where several failed: one run shows all there is to mend.
    if (failures.length > 0) throw failures.length > 1 ? new AggregateError(failures) : failures[0];
    return Object.fromEntries(results.flatMap((r) => (r.status === "fulfilled" ? [r.value] : []))) as Shells;
  };
  try {
    const shells = await openAll((label) => progress.task(label, "connect", () => open(label, expectedRuns)));
    return await work({
      shells,
      reconnect: (runs) => openAll((label) => open(label, runs)),
      reopen: (host) => open(host, 1),
    });
  } finally {
    over = true;
    await Promise.all(opened.map((shell) => shell.close()));
  }
}

/** Who we are, to whoever comes upon our lock. */
function newLease(): Lease {
  const name = (text: string) => text.replace(/[^\x21-\x7e]/g, "").slice(0, 64);
  return {
    run: randomBytes(8).toString("hex"),
    by: `${name(userName())}@${name(hostname())}`,
    since: new Date().toISOString().replace(/\.\d+Z$/, "Z"),
  };
}

/** Renews the locks that `work` takes while it goes on, and gives them back when it is done. */
async function holding<T>(
  lease: Lease,
  shells: Shells,
  work: (released: () => void) => Promise<T>,
): Promise<T> {
  const run = (script: string) =>
    onHosts(shells, (shell) => shell.run(script, { timeoutMs: 5_000 }).catch(() => undefined));
  const timer = setInterval(() => void run(group(renewLines(lease, "exit 1"))), (leaseSeconds / 3) * 1000);
  let held = true;
  const release = async () => {
    clearInterval(timer);
    if (held) await run(group([releaseLine(lease)]));
    held = false;
  };
  const breakOff = () => void release().then(() => process.exit(130));
  try {
    return await onInterrupt(breakOff, () =>
      work(() => {
        held = false;
      }),
    );
  } finally {
    await release();
  }
}
