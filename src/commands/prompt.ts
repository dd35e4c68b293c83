import { PassThrough } from "node:stream";
import { setImmediate } from "node:timers/promises";
import { Ds4Error } from "../core/errors.js";
import type { Progress } from "../report/progress.js";
import type { Prompt } from "../ssh/prompt.js";

type Context = {
  readonly input: NodeJS.ReadableStream;
  readonly output: NodeJS.WritableStream;
  readonly signal: AbortSignal;
};

/** A question that was broken off (Ctrl-C, Ctrl-D, a terminal that went away) is an answer, too. */
async function answered<T>(gone: AbortSignal, ask: (context: Context) => Promise<T>): Promise<T> {
  const { stdin, stderr: output } = process;
  // What was typed before the question was shown is no answer to it: by the second turn it was read, and is gone.
  stdin.setRawMode(true).resume();
  for (let turn = 0; turn < 2; turn++) await setImmediate();
  // Not stdin itself: readline throws what goes wrong with its input, such as EIO when the terminal went away.
  const input = Object.assign(new PassThrough(), {
    isTTY: true,
    setRawMode: (raw: boolean) => stdin.setRawMode(raw),
  });
  // On Ctrl-D and at the end of its input, readline only stops reading, and there would never be an answer.
  const stopped = new AbortController();
  input.on("pause", () => stopped.abort());
  stdin.pipe(input);
  try {
    return await ask({ input, output, signal: AbortSignal.any([gone, stopped.signal]) });
  } catch (error) {
    if (!["ExitPromptError", "AbortPromptError"].includes((error as Error).name)) throw error;
    throw new Ds4Error("the question was broken off, and nothing was changed", { cause: error });
  } finally {
    stdin.unpipe(input).pause();
  }
}

/** Questions on the terminal, or undefined where there is none to ask at. They go to standard error. */
export function terminalPrompt(progress: Progress): Prompt | undefined {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return undefined;
  const gone = new AbortController();
  process.stdin.on("error", () => gone.abort());
  return {
    secret: (message) =>
      progress.pause(async () => {
        const { default: password } = await import("@inquirer/password");
        return answered(gone.signal, (context) => password({ message, toggleMask: false }, context));
      }),
    confirm: (message) =>
      progress.pause(async () => {
        const { default: confirm } = await import("@inquirer/confirm");
        return answered(gone.signal, (context) => confirm({ message, default: false }, context));
      }),
  };
}
