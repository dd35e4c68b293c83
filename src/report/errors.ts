import { isDeepStrictEqual } from "node:util";
// Errors go to standard error, whose colours are its own.
import { chalkStderr as chalk } from "chalk";
import { Ds4Error, InventoryError } from "../core/errors.js";
import type { Result } from "./result.js";

/** The errors of a failed command, one for each thing to mend. Rethrows what isn't a Ds4Error: that is a bug. */
export function listErrors(error: unknown): Result["errors"] {
  if (error instanceof AggregateError) {
    const all = error.errors.flatMap(listErrors);
    // What is wrong with a file that both hosts need is one thing to mend.
    return all.filter((one, at) => all.findIndex((other) => isDeepStrictEqual(other, one)) === at);
  }
  if (error instanceof InventoryError) return error.problems.map((problem) => ({ ...problem }));
  if (error instanceof Ds4Error) {
    return [{ message: error.message, ...(error.hint === undefined ? {} : { hint: error.hint }) }];
  }
  throw error;
}

/** What a command that failed prints with --json. */
export function failedResult(
  command: Result["command"],
  errors: Result["errors"],
  known: Pick<Result, "site" | "proofs"> = {},
): Result {
  return {
    version: 1,
    ...(command === undefined ? {} : { command }),
    ...known,
    result: "failed",
    exitCode: 1,
    changes: [],
    notes: [],
    errors,
  };
}

/** The same for a person. */
export function describeErrors(errors: Result["errors"]): string {
  return errors
    .map(({ file, line, column, message, hint }) => {
      const place = file === undefined ? "" : `${file}:${line}:${column}: `;
      const first = `${chalk.red("error:")} ${place}${message}`;
      return hint === undefined ? first : `${first}\n${hint.replace(/^/gm, `  ${chalk.cyan("→")} `)}`;
    })
    .join("\n");
}
