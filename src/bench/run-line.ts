import { spawn } from "node:child_process";
import { Ds4Error } from "../core/errors.js";
import { excerpt } from "../core/printable.js";
import { type Load, lineScript, type Measured, readLine, type Way } from "./line.js";

/** The longest a measurement may take. */
export const longestSeconds = 1800;

/** What was measured, and whether it took too long and was broken off. */
export type LineResult = Measured & { readonly brokenOff: boolean };

/** Measures, by a shell command `from` that runs `sh -s` on the visitor's machine. @throws Ds4Error where it can't be. */
export async function runLine(
  from: string,
  ways: readonly Way[],
  load: Load,
  seconds: number = longestSeconds,
): Promise<LineResult> {
  const child = spawn("sh", ["-c", from], { stdio: ["pipe", "pipe", "pipe"] });
  const text = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (chunk: string) => {
      text[name] += chunk;
    });
  }
  child.stdin.on("error", () => {});
  child.stdin.end(lineScript(ways, load));
  const code = await new Promise<number | null | "late">((resolve) => {
    const timer = setTimeout(() => {
      child.kill();
      // A curl of it may go on, and must not keep ds4 from ending.
      for (const stream of [child.stdout, child.stderr]) stream.destroy();
      resolve("late");
    }, seconds * 1000);
    child.on("close", (status) => {
      clearTimeout(timer);
      resolve(status);
    });
  });
  const brokenOff = code === "late";
  if (!brokenOff && code !== 0) {
    throw new Ds4Error(`the measuring failed: ${excerpt(text.stderr) || `exit status ${code}`}`, {
      hint: "it takes a POSIX shell with curl (7.75 or later) and ping, on this machine or where '--from' leads",
    });
  }
  return { ...readLine(text.stdout), brokenOff };
}
