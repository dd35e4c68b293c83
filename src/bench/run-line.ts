import { spawn } from "node:child_process";
import { Ds4Error } from "../core/errors.js";
import { excerpt } from "../core/printable.js";
import { type Load, lineScript, type Measured, readLine, type Way } from "./line.js";

/** The longest a measurement may take. */
export const longestSeconds = 1800;

/** Measures, by a shell command `from` that runs `sh -s` on the visitor's machine. @throws Ds4Error where it can't be. */
export async function runLine(from: string, ways: readonly Way[], load: Load): Promise<Measured> {
  const child = spawn("sh", ["-c", from], { stdio: ["pipe", "pipe", "pipe"] });
  const text = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (chunk: string) => {
      text[name] += chunk;
    });
  }
  child.stdin.on("error", () => {});
  child.stdin.end(lineScript(ways, load));
  const timer = setTimeout(() => child.kill(), longestSeconds * 1000);
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  clearTimeout(timer);
  if (code !== 0) {
    throw new Ds4Error(`the measuring failed: ${excerpt(text.stderr) || `exit status ${code}`}`, {
      hint: "it takes a POSIX shell with curl (7.75 or later) and ping, on this machine or where '--from' leads",
    });
  }
  return readLine(text.stdout);
}
