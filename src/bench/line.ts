import { quote } from "../core/script.js";
import { beforePort } from "../inventory/addresses.js";

/** A way to the home server that is measured. */
export type WayName = "ipv6" | "tunnel" | "relay";
export type Way = {
  readonly name: WayName;
  /** Where packets are sent: an IP address or, for IPv6, a name. */
  readonly address: string;
  readonly port: number;
  /** What the address answers a ping of is the home server: not so of a relay, where the VPS would. */
  readonly pings: boolean;
};

/** What is asked for on each way. */
export type Load = {
  readonly url: URL;
  /** Something large beside it, to download; without one, no download is measured. */
  readonly download: URL | undefined;
  /** Bytes that are sent by POST to `url`; 0: no upload is measured. */
  readonly uploadBytes: number;
  /** The ways are gone through so often, one after the other, so that what else the line carries meets all of them. */
  readonly rounds: number;
  /** Pings and requests of each kind in a round. */
  readonly each: number;
  /** Whether a certificate that doesn't hold is taken all the same. */
  readonly insecure: boolean;
};

export const metrics = ["rtt", "request", "request8", "download", "upload"] as const;
export type Metric = (typeof metrics)[number];

/** One measured value: milliseconds, or bits a second of a transfer. */
export type Sample = {
  readonly way: WayName;
  readonly round: number;
  readonly metric: Metric;
  readonly value: number;
};

/** What a request came to that was no answer, by way and metric. */
export type Miss = { readonly way: WayName; readonly metric: Metric; readonly reason: string };

export type Measured = { readonly samples: readonly Sample[]; readonly misses: readonly Miss[] };

/** The port that a URL means. */
export const portOf = ({ port, protocol }: URL) => Number(port || (protocol === "https:" ? 443 : 80));

/** How many run at once in `request8`. */
const atOnce = 8;

/** Where so many small requests in a row get nowhere, the rest of that way's round is left out: it would time out, too. */
const enoughMisses = 3;

/**
 * The measuring, as a POSIX sh script with curl and ping, for the machine that stands for a visitor. curl's own times
 * are taken, so that the starting of processes isn't measured.
 */
export function lineScript(ways: readonly Way[], load: Load): string {
  const { url, download, uploadBytes, rounds, each, insecure } = load;
  const write = (metric: Metric, value: string) =>
    `-w ${quote(`${metric} %{http_code} ${value} %{exitcode}\\n`)}`;
  const request = quote(url.href);
  const one = (way: Way) => {
    // A name may lead to the VPS by IPv4, too.
    const family = way.name === "ipv6" ? 6 : 4;
    // HTTP/2 would share one connection. What drops packets (a firewall) would otherwise cost all of `-m` each time.
    const curl = `curl -q -s -${family} --http1.1 --connect-timeout 5 -m 120${insecure ? " -k" : ""} --connect-to ${quote(`${url.hostname}:${portOf(url)}:${beforePort(way.address)}:${way.port}`)}`;
    const orMiss = (metric: Metric, count: number, command: string) =>
      `if [ $missed -lt ${enoughMisses} ]; then ${command}; else leave_out ${metric} ${count}; fi`;
    const transfer = (metric: Metric, size: string, rest: string) =>
      `${curl} -o /dev/null ${write(metric, `%{time_total} %{${size}}`)} ${rest}`;
    return [
      `echo ${quote(`@ ${way.name}`)}`,
      ...(way.pings ? [`pings ${family} ${quote(way.address)}`] : []),
      "n=0; missed=0",
      `while [ $n -lt ${each} ] && [ $missed -lt ${enoughMisses} ]; do n=$((n+1)); if ${curl} -o /dev/null ${write("request", "%{time_total}")} ${request}; then missed=0; else missed=$((missed+1)); fi; done`,
      `leave_out request $((${each}-n))`,
      orMiss(
        "request8",
        each,
        `${curl} -H 'Connection: close' -Z --parallel-immediate --parallel-max ${atOnce} ${write("request8", "%{time_total}")} ${`-o /dev/null ${request} `.repeat(each)}`,
      ),
      ...(download === undefined
        ? []
        : [orMiss("download", 1, transfer("download", "size_download", quote(download.href)))]),
      ...(uploadBytes === 0
        ? []
        : [
            orMiss(
              "upload",
              1,
              `head -c ${uploadBytes} /dev/zero | ${transfer("upload", "size_upload", `-H 'Expect:' --data-binary @- ${request}`)}`,
            ),
          ]),
    ];
  };
  return [
    "{",
    "exec </dev/null",
    "export LC_ALL=C",
    "for c in curl ping head; do command -v $c >/dev/null || { echo \"there is no '$c' here\" >&2; exit 3; }; done",
    // macOS has two commands.
    'pings() { c="ping -$1"; [ "$(uname)" != Darwin ] || case $1 in 4) c=ping ;; *) c=ping6 ;; esac; ' +
      `$c -n -c ${each} -i 0.2 "$2" 2>/dev/null | sed -n 's/.*time[=<]\\([0-9.]*\\).*/rtt 0 \\1 0/p'; }`,
    'leave_out() { i=0; while [ $i -lt "$2" ]; do i=$((i+1)); echo "$1 -"; done; }',
    `round=0; while [ $round -lt ${rounds} ]; do`,
    'round=$((round+1)); echo "@@ $round"',
    ...ways.flatMap(one),
    "done",
    "exit 0",
    "}",
    "",
  ].join("\n");
}

/** What the script printed; a last line without its end is not read, as a part of a number says something else. */
export function readLine(stdout: string): Measured {
  const samples: Sample[] = [];
  const misses: Miss[] = [];
  let round = 0;
  let way: WayName | undefined;
  for (const line of stdout.split("\n").slice(0, -1)) {
    const [first = "", code = "", seconds = "", ...rest] = line.split(" ");
    if (first === "@@") round = Number(code);
    else if (first === "@") way = code as WayName;
    const metric = metrics.find((name) => name === first);
    if (metric === undefined || way === undefined) continue;
    const exit = Number(rest.at(-1));
    if (metric === "rtt") samples.push({ way, round, metric, value: Number(seconds) });
    else if (code === "-")
      misses.push({
        way,
        metric,
        reason: `left out after ${enoughMisses} requests in a row that got nowhere`,
      });
    else if (exit !== 0) misses.push({ way, metric, reason: `curl ended with ${exit}` });
    else if (!/^[23]/.test(code)) misses.push({ way, metric, reason: `the server answered ${code}` });
    else {
      const time = Number(seconds);
      const bits = Number(rest[0]) * 8;
      const value = metric === "request" || metric === "request8" ? time * 1000 : bits / time;
      samples.push({ way, round, metric, value });
    }
  }
  return { samples, misses };
}
