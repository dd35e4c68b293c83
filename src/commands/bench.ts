import { randomBytes } from "node:crypto";
import { access, constants, open, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { type Load, type Miss, portOf, type Way } from "../bench/line.js";
import { relayScript, stopRelay } from "../bench/relay.js";
import { longestSeconds, runLine } from "../bench/run-line.js";
import { summarize } from "../bench/statistics.js";
import { waysOf } from "../bench/ways.js";
import { aimFor, countChanges } from "../converge/plan-site.js";
import { Ds4Error } from "../core/errors.js";
import { excerpt } from "../core/printable.js";
import { beforePort, canonicalIPv6 } from "../inventory/addresses.js";
import { serversOf } from "../inventory/site.js";
import { describeMeasured } from "../report/bench.js";
import type { Progress } from "../report/progress.js";
import { onInterrupt } from "./interrupt.js";
import { listDesign, runCommand } from "./run.js";
import { type CommonOptions, type Session, withHosts } from "./session.js";

export type BenchOptions = CommonOptions & {
  /** What is asked of the home server; its host is only a name there. */
  readonly url?: string;
  readonly ipv6?: string;
  readonly download?: string;
  /** Bytes. */
  readonly upload: number;
  readonly rounds: number;
  /** Pings and requests of a kind, over all rounds. */
  readonly count: number;
  readonly insecure?: boolean;
  /** A shell command that runs `sh -s` on the visitor's machine. */
  readonly from: string;
  readonly samples?: string;
};

/** `ds4 bench`: compares the ways to the home server, from this machine or another one. Nothing of it stays. */
export function bench(name: string | undefined, options: BenchOptions): Promise<0 | 1 | 2> {
  return runCommand("bench", name, options, async (site, progress) => {
    const load = readLoad(options, serversOf(site)[0] ?? "");
    const file = options.samples ?? `ds4-bench-${site.name}.json`;
    await checkWritable(file);
    return withHosts(site, options, progress, 3, async (session) => {
      const { plan, design } = aimFor(site, session.reading);
      if (countChanges(plan) > 0) {
        throw new Ds4Error(`${site.name} is not in sync, so its way home can't be measured`, {
          hint: `'ds4 status ${site.name}' shows what differs, 'ds4 apply ${site.name}' sets it right`,
        });
      }
      const known = waysOf(site, design, portOf(load.url), options.ipv6);
      const notes: string[] = [];
      const direct = known.find(({ name }) => name === "ipv6");
      if (direct === undefined) {
        notes.push(
          "without --ipv6, the home server's IPv6 address, neither that way nor a relay is measured",
        );
      }
      if (load.download === undefined) notes.push("without --download, no download is measured");
      const measured = await withRelay(
        session,
        // Where the site is a relay itself, there is none to compare it with.
        site.mode === "relay" ? undefined : direct,
        design.uplinkIPv4,
        progress,
        notes,
        (relay) => {
          const ways: readonly Way[] = [
            ...known,
            ...(relay === undefined
              ? []
              : [{ name: "relay", address: design.publicIPv4, port: relay, pings: false } as const]),
          ];
          return progress
            .task("all", "bench", () => runLine(options.from, ways, load))
            .then((all) => ({ ...all, ways }));
        },
      );
      const { samples, misses, ways, brokenOff } = measured;
      if (samples.length === 0) throw nothingMeasured(misses);
      const at = new Date().toISOString();
      const kept = await writeFile(
        file,
        `${JSON.stringify({ site: site.name, at, url: load.url.href, ways, samples, misses }, null, 1)}\n`,
      ).then(
        () => `all ${samples.length} values are in ${file}`,
        // What they come to is shown all the same.
        (error: Error) => `the ${samples.length} values could not be kept in ${file}: ${error.message}`,
      );
      if (brokenOff) {
        notes.push(`the measuring was broken off after ${longestSeconds} s: what came by then is shown`);
      }
      notes.push(...describeMisses(misses), kept);
      const summaries = summarize(
        samples,
        ways.map((way) => way.name),
        site.mode,
      );
      return {
        result: "measured",
        exitCode: 0,
        ...listDesign(site, design),
        changes: [],
        measured: summaries.map((summary) => ({ ...summary })),
        notes,
        text: [describeMeasured(summaries, site.mode), ...notes.map((note) => `note: ${note}`)].join("\n"),
      };
    });
  });
}

/** Before all the measuring, whose values it is to hold. @throws Ds4Error where it can't be written */
async function checkWritable(file: string): Promise<void> {
  try {
    await open(file, "r+")
      .then((handle) => handle.close())
      .catch((error: NodeJS.ErrnoException) => {
        if (error.code !== "ENOENT") throw error;
        return access(dirname(file), constants.W_OK);
      });
  } catch (cause) {
    throw new Ds4Error(`the values can't be kept in ${file}: ${(cause as Error).message}`, {
      hint: "--samples names a file in a folder that is there, and that you may write to",
      cause,
    });
  }
}

/** What is asked for. @throws Ds4Error for an option that can't be. */
export function readLoad(
  options: Pick<BenchOptions, "url" | "download" | "ipv6" | "upload" | "rounds" | "count" | "insecure">,
  server: string,
): Load {
  const url = parseUrl(options.url ?? `http://${beforePort(server)}/`, "--url");
  const download = options.download === undefined ? undefined : parseUrl(options.download, "--download", url);
  // What isn't there doesn't go by the ways.
  if (download !== undefined && download.origin !== url.origin) {
    throw new Ds4Error(`--download '${options.download}' is not on ${url.origin}, whose ways are measured`, {
      hint: "type the path alone, such as '--download /large.bin', and with '--url' where it is",
    });
  }
  const ipv6 = options.ipv6 ?? "::1";
  // A name gets into socat's own notation, too.
  if (canonicalIPv6(ipv6) === undefined && !/^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9.])?$/.test(ipv6)) {
    throw new Ds4Error(`'${ipv6}' is no IPv6 address, and no name`, {
      hint: "type the home server's own one, such as '--ipv6 2001:db8:100::210'",
    });
  }
  return {
    url,
    download,
    uploadBytes: options.upload,
    rounds: options.rounds,
    each: Math.ceil(options.count / options.rounds),
    insecure: options.insecure === true,
  };
}

function parseUrl(text: string, option: string, base?: URL): URL {
  const url = URL.canParse(text, base) ? new URL(text, base) : undefined;
  if (url === undefined || !["http:", "https:"].includes(url.protocol)) {
    throw new Ds4Error(`${option} '${text}' is no HTTP address`, {
      hint: `type it like '${option} http://home.example/'`,
    });
  }
  return url;
}

/** Runs a relay to where the direct way leads while `work` measures, where there can be one, and sees to it that nothing of it stays. */
export async function withRelay<T>(
  { shells }: { readonly shells: Pick<Session["shells"], "vps"> },
  direct: Way | undefined,
  listen: string,
  progress: Progress,
  notes: string[],
  work: (port: number | undefined) => Promise<T>,
): Promise<T> {
  if (direct === undefined) return work(undefined);
  const { address: server, port } = direct;
  let ready: (port: number) => void = () => {};
  const listening = new Promise<number>((resolve) => {
    ready = resolve;
  });
  const run = randomBytes(8).toString("hex");
  const running = shells.vps.run(relayScript({ listen, server, port, seconds: longestSeconds, run }), {
    onLine: (line) => {
      const match = /^ready (\d+)$/.exec(line);
      if (match) ready(Number(match[1]));
    },
    timeoutMs: (longestSeconds + 60) * 1000,
  });
  /** Empty where it ended as it should. */
  const over = running.then(
    ({ stderr, code }) => (code === 0 ? "" : excerpt(stderr) || `exit status ${code}`),
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
  const stop = async () => {
    await shells.vps.run(stopRelay(run)).catch(() => undefined);
    return over;
  };
  let interrupted = false;
  const interrupt = () => {
    if (interrupted) process.exit(130);
    interrupted = true;
    process.stderr.write(
      "\nstopping: the relay on the VPS is taken away (once more: it is left to end by itself)\n",
    );
    void stop().then(() => process.exit(130));
  };
  return onInterrupt(interrupt, async () => {
    const start = await progress.task("vps", "relay", () => Promise.race([listening, over]));
    if (typeof start === "string") {
      notes.push(`no relay could be set up on the VPS, so none is measured: ${start}`);
      return work(undefined);
    }
    try {
      return await work(start);
    } finally {
      const said = await stop();
      // Ctrl-C reaches what measures, too, whose end is no failure to be told of.
      if (interrupted) process.exit(130);
      if (said !== "") {
        notes.push(
          `the relay on the VPS did not end as it should, and ends by itself within half an hour: ${said}`,
        );
      }
    }
  });
}

function nothingMeasured(misses: readonly Miss[]): Ds4Error {
  return new Ds4Error(["no request was answered, and no ping", ...describeMisses(misses)].join("\n"), {
    hint: "is this machine a visitor (not in the home's LAN), and does the server answer there? '--url', '--ipv6' and '--insecure' say what to ask",
  });
}

/** Each kind of failure once, with how often it was met. */
function describeMisses(misses: readonly Miss[]): readonly string[] {
  const counts = new Map<string, number>();
  for (const { way, metric, reason } of misses) {
    const text = `${way}, ${metric}: ${reason}`;
    counts.set(text, (counts.get(text) ?? 0) + 1);
  }
  return [...counts].map(([text, count]) => `${text} (${count} times)`);
}
