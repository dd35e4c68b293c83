import type { Outcome } from "./recording.js";

/** Replaces what may differ from run to run by a constant. */
export function withoutVolatile(text: string, patterns: readonly string[]): string {
  return patterns.reduce((rest, pattern) => rest.replace(new RegExp(pattern, "gm"), "~"), text);
}

/** An outcome as it is compared: volatile text replaced, then what is allowed to differ left out. */
export function normalForm(
  { stdout, stderr, code }: Outcome,
  volatile: readonly string[],
  allowed: readonly string[],
): Outcome {
  const clean = (text: string) =>
    allowed.reduce(
      (rest, pattern) => rest.replace(new RegExp(pattern, "gm"), ""),
      withoutVolatile(text, volatile),
    );
  return { stdout: clean(stdout), stderr: clean(stderr), code };
}
