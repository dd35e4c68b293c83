import { printable } from "./printable.js";

/** What went wrong and why (`message`), and what to type next (`hint`). Anything else that is thrown is a bug. */
export class Ds4Error extends Error {
  readonly hint?: string;

  constructor(message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(printable(message), options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    if (options.hint !== undefined) this.hint = printable(options.hint);
  }
}

/** One thing wrong in an inventory file. Lines and columns count from 1, as editors do. */
export type InventoryProblem = {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly message: string;
  readonly hint?: string;
};

/** A wrong inventory: all that is wrong with it, in the order of the file. */
export class InventoryError extends Ds4Error {
  readonly problems: readonly [InventoryProblem, ...InventoryProblem[]];

  constructor(problems: readonly [InventoryProblem, ...InventoryProblem[]]) {
    super(problems.map(renderProblem).join("\n"));
    this.problems = problems;
  }
}

function renderProblem({ file, line, column, message, hint }: InventoryProblem): string {
  return `${file}:${line}:${column}: ${message}${hint === undefined ? "" : `\n    ${hint}`}`;
}

export type ConnectFailure = "unreachable" | "auth" | "hostkey" | "protocol" | "timeout";

/** A host that can't be talked to, or no longer. */
export class ConnectError extends Ds4Error {
  readonly host: string;
  readonly kind: ConnectFailure;

  constructor(
    host: string,
    kind: ConnectFailure,
    message: string,
    options: { hint?: string; cause?: unknown } = {},
  ) {
    super(message, options);
    this.host = host;
    this.kind = kind;
  }
}

/** A host that isn't what it should be, or that answered what can't be understood. */
export class HostError extends Ds4Error {}

/** Something that isn't ds4's is where ds4's has to go. */
export class ConflictError extends Ds4Error {}
