import { describe, expect, it } from "vitest";
import type { Sample } from "../../../src/bench/line.js";
import { median, summarize } from "../../../src/bench/statistics.js";
import { describeMeasured } from "../../../src/report/bench.js";

const samples: readonly Sample[] = [
  ...[10, 12, 11].map((value) => ({ way: "tunnel", round: 1, metric: "rtt", value }) as const),
  ...[20, 22, 24].map((value) => ({ way: "tunnel", round: 2, metric: "rtt", value }) as const),
  ...[5, 6, 5.5].map((value) => ({ way: "ipv6", round: 1, metric: "rtt", value }) as const),
  ...[11, 10, 12].map((value) => ({ way: "ipv6", round: 2, metric: "rtt", value }) as const),
  { way: "tunnel", round: 1, metric: "download", value: 90e6 },
  { way: "tunnel", round: 2, metric: "download", value: 80e6 },
  { way: "relay", round: 1, metric: "download", value: 30e6 },
  { way: "relay", round: 2, metric: "download", value: 40e6 },
];
const ways = ["tunnel", "ipv6", "relay"] as const;

describe("what was measured", () => {
  it.each([
    [[3], 3],
    [[3, 1], 2],
    [[9, 1, 4], 4],
    [[4, 1, 3, 2], 2.5],
  ])("the median of %j is %d", (values, middle) => expect(median(values)).toBe(middle));

  it("is summed up by metric and way, each round compared by itself, more being better", () => {
    expect(summarize(samples, ways, "tunnel")).toEqual([
      { way: "tunnel", metric: "rtt", unit: "ms", samples: 6, median: 16, min: 10, max: 24 },
      // 11 / 5.5 and 22 / 11, though the line was twice as slow in the second round.
      { way: "ipv6", metric: "rtt", unit: "ms", samples: 6, median: 8, min: 5, max: 12, ratio: 2 },
      { way: "tunnel", metric: "download", unit: "Mbit/s", samples: 2, median: 85, min: 80, max: 90 },
      {
        way: "relay",
        metric: "download",
        unit: "Mbit/s",
        samples: 2,
        median: 35,
        min: 30,
        max: 40,
        ratio: (30 / 90 + 40 / 80) / 2,
      },
    ]);
  });

  it("is shown as a table with bars", () => {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours
    const text = describeMeasured(summarize(samples, ways, "tunnel"), "tunnel").replace(/\x1b\[\d+m/g, "");
    expect(text).toMatchInlineSnapshot(`
      "round-trip time
        public IPv4 by the tunnel           16.0 ms  10.0 to 24.0         ████████████████████████
        direct IPv6                         8.00 ms  5.00 to 12.0  2.00x  ████████████
      download
        public IPv4 by the tunnel       85.0 Mbit/s  80.0 to 90.0         ████████████████████████
        public IPv4 by a relay (socat)  35.0 Mbit/s  30.0 to 40.0  0.42x  ██████████
      median, lowest to highest; how many times as good as public IPv4 by the tunnel (median of the rounds' ratios)"
    `);
  });
});
