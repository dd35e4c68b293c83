import { Writable } from "node:stream";
import { stripVTControlCharacters } from "node:util";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { liveProgress } from "../../../src/report/progress.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** The progress of a change with 60 s until the switches fire, which has been counting since it was armed. */
async function counting() {
  let written = "";
  const stream = new Writable({
    decodeStrings: false,
    write: (text: string, _, done) => {
      written += text;
      done();
    },
  });
  Object.assign(stream, { columns: 200, rows: 50, isTTY: true });
  const progress = await liveProgress(stream as unknown as NodeJS.WriteStream, ["vps", "router"]);
  progress.countdown(Date.now() + 60_000);
  /** What is drawn within this time; the seconds of the countdown, where there are any. */
  const drawn = (ms: number): { readonly text: string; readonly seconds: readonly number[] } => {
    vi.advanceTimersByTime(ms);
    const text = stripVTControlCharacters(written);
    written = "";
    const told = text.matchAll(/both go back by themselves in (\d+) s/g);
    return { text, seconds: [...new Set([...told].map(([, seconds]) => Number(seconds)))] };
  };
  /** Begins a phase that runs until its end is called. */
  const begin = (phase: Parameters<typeof progress.task>[1]) => {
    let end = (_?: Error) => {};
    const work = new Promise<void>((resolve, reject) => {
      end = (error) => (error === undefined ? resolve() : reject(error));
    });
    const running = progress.task("all", phase, () => work).catch(() => {});
    return (error?: Error) => {
      end(error);
      return running;
    };
  };
  return { drawn, begin };
}

describe("the countdown to the switches", () => {
  it("goes down each second, from phase to phase", async () => {
    const { drawn, begin } = await counting();
    const endChange = begin("change");
    expect(drawn(0).seconds).toEqual([60]);
    expect(drawn(3_100).seconds).toEqual([60, 59, 58, 57]);
    await endChange();
    drawn(0);
    // Nothing runs, and nothing is drawn; the time goes on all the same.
    expect(drawn(10_000).text).toBe("");
    const endProof = begin("prove");
    expect(drawn(0).seconds).toEqual([47]);
    await endProof();
    begin("confirm");
    expect(drawn(2_100).seconds).toEqual([47, 46, 45]);
  });

  it("ends at 0 where it takes longer", async () => {
    const { drawn, begin } = await counting();
    begin("change");
    drawn(59_500);
    expect(drawn(60_000).seconds).toEqual([1, 0]);
  });

  it.each([
    ["a confirmation", "confirm", undefined],
    ["a confirmation that failed", "confirm", new Error("no answer")],
    ["going back", "undo", undefined],
    ["going back that failed", "undo", new Error("no answer")],
  ] as const)("is over after %s", async (_, phase, error) => {
    const { drawn, begin } = await counting();
    const end = begin(phase);
    expect(drawn(1_100).seconds).toEqual([60, 59]);
    await end(error);
    expect(drawn(0).text).toMatch(error === undefined ? /✔ vps, router/ : /✖ vps, router/);
    // No timer is left that would draw, or hold ds4 up.
    expect(vi.getTimerCount()).toBe(0);
    begin("read");
    const { text, seconds } = drawn(1_000);
    expect(text).toContain("reading");
    expect(seconds).toEqual([]);
  });
});
