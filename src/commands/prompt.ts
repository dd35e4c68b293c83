import { Ds4Error } from "../core/errors.js";
import type { Progress } from "../report/progress.js";
import type { Prompt } from "../ssh/prompt.js";

/** A question that was broken off (Ctrl-C) is an answer, too. */
async function answered<T>(question: Promise<T>): Promise<T> {
  try {
    return await question;
  } catch (error) {
    if ((error as Error).name !== "ExitPromptError") throw error;
    throw new Ds4Error("the question was broken off, and nothing was changed", { cause: error });
  }
}

/** Questions on the terminal, or undefined where there is none to ask at. They go to standard error. */
export function terminalPrompt(progress: Progress): Prompt | undefined {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return undefined;
  const context = { output: process.stderr };
  return {
    secret: (message) =>
      progress.pause(async () => {
        const { default: password } = await import("@inquirer/password");
        return answered(password({ message }, context));
      }),
    confirm: (message) =>
      progress.pause(async () => {
        const { default: confirm } = await import("@inquirer/confirm");
        return answered(confirm({ message, default: false }, context));
      }),
  };
}
