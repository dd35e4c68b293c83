import { Ds4Error } from "../core/errors.js";
import type { Proof } from "../proof/judge.js";

/** A change that was not confirmed. `undone` says whether both hosts are back where they were. */
export class ChangeError extends Ds4Error {
  readonly undone: boolean;
  /** What was shown before it failed, and what was not. */
  readonly proofs: readonly Proof[];

  constructor(
    message: string,
    undone: boolean,
    options: { hint?: string; cause?: unknown; proofs?: readonly Proof[] },
  ) {
    super(message, options);
    this.undone = undone;
    this.proofs = options.proofs ?? [];
  }
}

/** Why a change is taken back. Caught by the transaction, which goes back and throws a ChangeError. */
export class Setback extends Error {
  readonly hint: string | undefined;
  readonly proofs: readonly Proof[];

  constructor(reasons: readonly string[], proofs: readonly Proof[] = []) {
    super(reasons.join("\n"));
    const hints = proofs.flatMap(({ proved, hint }) => (proved === false && hint ? [hint] : []));
    this.hint = hints.length > 0 ? [...new Set(hints)].join("\n") : undefined;
    this.proofs = proofs;
  }
}

/** What a failure on a host comes to, in words. Rethrows what is a bug. */
export function describe(error: unknown): string {
  if (error instanceof Ds4Error) return error.message;
  throw error;
}
