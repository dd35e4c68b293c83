import chalk from "chalk";
import { Ds4Error, InventoryError } from "../core/errors.js";
import type { Result } from "./result.js";

/** The errors of a failed command, one for each thing to mend. Rethrows what isn't a Ds4Error: that is a bug. */
export function listErrors(error: unknown): Result["errors"] {
  if (error instanceof AggregateError) return error.errors.flatMap(listErrors);
  if (error instanceof InventoryError) return error.problems.map((problem) => ({ ...problem }));
  if (error instanceof Ds4Error) {
    return [{ message: error.message, ...(error.hint === undefined ? {} : { hint: error.hint }) }];
  }
  throw error;
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
