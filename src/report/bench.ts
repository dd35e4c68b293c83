import chalk from "chalk";
import type { Metric, WayName } from "../bench/line.js";
import type { Summary } from "../bench/statistics.js";

const names: Readonly<Record<WayName, string>> = {
  ipv6: "direct IPv6",
  tunnel: "public IPv4 by the tunnel",
  relay: "public IPv4 by a relay (socat)",
};
const titles: Readonly<Record<Metric, string>> = {
  rtt: "round-trip time",
  request: "small requests, one after another",
  request8: "small requests, 8 at a time",
  download: "download",
  upload: "upload",
};

/** How many characters the longest bar has. */
const width = 24;

/** A number with three digits that count. */
const show = (value: number) => (value >= 100 ? value.toFixed(0) : value.toFixed(value >= 10 ? 1 : 2));

/** The table, a bar beside each median: of all bars of one metric the longest is the largest value. */
export function describeMeasured(summaries: readonly Summary[], base: WayName): string {
  const rows = summaries.map((summary) => {
    const largest = Math.max(
      ...summaries.flatMap(({ metric, median }) => (metric === summary.metric ? [median] : [])),
    );
    const { ratio } = summary;
    return {
      metric: summary.metric,
      way: names[summary.way],
      median: `${show(summary.median)} ${summary.unit}`,
      range: `${show(summary.min)} to ${show(summary.max)}`,
      ratio: ratio === undefined ? "" : `${ratio.toFixed(2)}x`,
      bar: "█".repeat(Math.max(1, Math.round((summary.median / largest) * width))),
    };
  });
  const widest = (field: "way" | "median" | "range" | "ratio") =>
    Math.max(...rows.map((row) => row[field].length));
  const lines = rows.flatMap((row, at) => [
    ...(rows[at - 1]?.metric === row.metric ? [] : [chalk.bold(titles[row.metric])]),
    [
      `  ${row.way.padEnd(widest("way"))}`,
      row.median.padStart(widest("median")),
      chalk.dim(row.range.padStart(widest("range"))),
      row.ratio.padStart(widest("ratio")),
      chalk.cyan(row.bar),
    ].join("  "),
  ]);
  return [
    ...lines,
    chalk.dim(
      `median, lowest to highest; how many times as good as ${names[base]} (median of the rounds' ratios)`,
    ),
  ].join("\n");
}
