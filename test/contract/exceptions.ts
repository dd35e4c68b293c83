import { readFileSync } from "node:fs";
import type { Recording } from "./recording.js";

/** Steps that are not run on the stand-in, each with the reason; those that build on them are listed too. */
export type Skip = { readonly topic: string; readonly steps: readonly number[]; readonly reason: string };

/**
 * Text that may differ in a step (or, without `steps`, in all of a topic), as a pattern, with the reason.
 * Without a pattern: what is asked is a race, and asked again until it comes out as recorded.
 */
export type Allowance = {
  readonly topic?: string;
  readonly steps?: readonly number[];
  readonly pattern?: string;
  readonly reason: string;
};

const read = (name: string) => JSON.parse(readFileSync(new URL(name, import.meta.url), "utf8"));

const skips: readonly Skip[] = read("skipped.json");
const allowances: readonly Allowance[] = read("allowed.json");

/** The reason why a step isn't run, if there is one. */
export function skipReason(topic: string, n: number): string | undefined {
  return skips.find((skip) => skip.topic === topic && skip.steps.includes(n))?.reason;
}

function allowancesFor(topic: string, n: number): readonly Allowance[] {
  return allowances
    .filter((allowance) => allowance.topic === undefined || allowance.topic === topic)
    .filter((allowance) => allowance.steps === undefined || allowance.steps.includes(n));
}

/** Patterns of what may differ in a step, besides what the recording itself calls volatile. */
export function allowedPatterns(topic: string, n: number): readonly string[] {
  return allowancesFor(topic, n).flatMap(({ pattern }) => pattern ?? []);
}

/** Whether a step may be run again until it comes out as recorded. */
export function isRace(topic: string, n: number): boolean {
  return allowancesFor(topic, n).some(({ pattern }) => pattern === undefined);
}

/** Exceptions that name a topic or step that no recording has. */
export function strayExceptions(known: readonly Recording[]): readonly string[] {
  return [...skips, ...allowances].flatMap(({ topic, steps = [] }) => {
    const recording = known.find((candidate) => candidate.topic === topic);
    if (topic !== undefined && !recording) return [`${topic}: no such topic`];
    return steps
      .filter((n) => !recording?.steps.some((step) => step.n === n))
      .map((n) => `${topic ?? "?"} #${n}: no such step`);
  });
}
