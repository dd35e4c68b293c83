import { type Metric, metrics, type Sample, type WayName } from "./line.js";

/** What one metric came to on one way. */
export type Summary = {
  readonly way: WayName;
  readonly metric: Metric;
  readonly unit: "ms" | "Mbit/s";
  readonly samples: number;
  readonly median: number;
  readonly min: number;
  readonly max: number;
  /** How it compares with the first way of those measured, each round by itself: above 1 is better. */
  readonly ratio?: number;
};

/** The middle of some values, at least one. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}

/** All that was measured, by metric and then by way, in the order of `ways`. The ratio is to `base`. */
export function summarize(
  samples: readonly Sample[],
  ways: readonly WayName[],
  base: WayName,
): readonly Summary[] {
  const rounds = [...new Set(samples.map(({ round }) => round))];
  return metrics.flatMap((metric) =>
    ways.flatMap((way): Summary[] => {
      const of = (name: WayName, round?: number) =>
        samples.flatMap((sample) =>
          sample.metric === metric && sample.way === name && (round === undefined || sample.round === round)
            ? [sample.value]
            : [],
        );
      const all = of(way);
      if (all.length === 0) return [];
      const time = metric !== "download" && metric !== "upload";
      const scale = time ? 1 : 1e6;
      const ratios = rounds.flatMap((round) => {
        const [own, other] = [of(way, round), of(base, round)];
        if (own.length === 0 || other.length === 0) return [];
        return [time ? median(other) / median(own) : median(own) / median(other)];
      });
      return [
        {
          way,
          metric,
          unit: time ? "ms" : "Mbit/s",
          samples: all.length,
          median: median(all) / scale,
          min: Math.min(...all) / scale,
          max: Math.max(...all) / scale,
          ...(way === base || ratios.length === 0 ? {} : { ratio: median(ratios) }),
        },
      ];
    }),
  );
}
