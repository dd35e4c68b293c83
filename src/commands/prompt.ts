import type { Progress } from "../report/progress.js";
import type { Prompt } from "../ssh/prompt.js";

/** Questions on the terminal, or undefined where there is none to ask at. They go to standard error. */
export function terminalPrompt(progress: Progress): Prompt | undefined {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return undefined;
  const context = { output: process.stderr };
  return {
    secret: (message) =>
      progress.pause(async () => {
        const { default: password } = await import("@inquirer/password");
        return password({ message }, context);
      }),
    confirm: (message) =>
      progress.pause(async () => {
        const { default: confirm } = await import("@inquirer/confirm");
        return confirm({ message, default: false }, context);
      }),
  };
}
