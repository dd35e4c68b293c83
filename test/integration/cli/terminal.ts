import { type ChildProcess, spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { onTestFinished } from "vitest";

export type TerminalOptions = {
  readonly columns?: number;
  readonly env?: Readonly<Record<string, string>>;
};

/** Runs a command of the shell in `folder`, on a terminal made by util-linux's `script`. */
export function onTerminal(command: string, folder: string, { columns = 200, env }: TerminalOptions = {}) {
  const child: ChildProcess = spawn(
    "script",
    ["-qec", `stty cols ${columns} rows ${columns === 0 ? 0 : 50}; exec ${command}`, "/dev/null"],
    {
      cwd: folder,
      // The last one is there to be inherited: it ends when all that ran on the terminal has ended.
      stdio: ["pipe", "pipe", "ignore", "pipe"],
      env: { PATH: process.env.PATH ?? "", SHELL: "/bin/sh", HOME: folder, TERM: "xterm", ...env },
    },
  );
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  const [stdin, stdout, inherited] = [
    child.stdin as Writable,
    child.stdout as Readable,
    child.stdio[3] as Readable,
  ];
  const code = new Promise<number | null>((resolve) => child.on("close", resolve));
  const allGone = new Promise((resolve) => inherited.resume().on("close", resolve));
  let raw = "";
  let seen = 0;
  let look = () => {};
  stdin.on("error", () => {}); // the terminal may be gone by then
  stdout.setEncoding("utf8").on("data", (text: string) => {
    raw += text;
    look();
  });
  return {
    /** Waits until this text is shown, after what was waited for before, however it is broken into lines. */
    shows: (text: string) =>
      new Promise<void>((resolve, reject) => {
        look = () => {
          const at = plain(raw).indexOf(plain(text), seen);
          if (at === -1) return;
          seen = at + plain(text).length;
          resolve();
        };
        look();
        code.then(() => reject(new Error(`no "${text}" in:\n${raw}`)));
      }),
    types: (keys: string) => stdin.write(keys),
    /** Closes the terminal, as a window is closed or a connection is lost. Resolves when no process is left. */
    closes: () => {
      child.kill("SIGKILL");
      return allGone;
    },
    /** The exit status, once nothing runs any more. */
    ends: async () => {
      const status = await code;
      await allGone;
      return status;
    },
    raw: () => raw,
    screen: () => screen(raw, columns),
    cursorShown: () => raw.lastIndexOf(`${esc}[?25h`) >= raw.lastIndexOf(`${esc}[?25l`),
  };
}

const esc = "\u001b";
const code = new RegExp(`(${esc}\\[[?\\d;]*[A-Za-z])`);
/** The escape codes in what was shown. */
export const codes = (raw: string) => raw.split(code).filter((_, at) => at % 2 === 1);
const plain = (raw: string) =>
  raw
    .split(code)
    .filter((_, at) => at % 2 === 0)
    .join("")
    .replaceAll(/\s/g, "");

/** The lines that are seen in the end, those that have scrolled off included. */
function screen(raw: string, columns: number): string[] {
  const lines: string[][] = [[]];
  let [row, column] = [0, 0];
  const line = () => {
    while (lines.length <= row) lines.push([]);
    return lines[row]!;
  };
  const write = (character: string) => {
    if (character === "\r") column = 0;
    else if (character === "\n") row++;
    else if (character >= " ") {
      if (column >= columns) [row, column] = [row + 1, 0];
      const cells = line();
      while (cells.length < column) cells.push(" ");
      cells[column++] = character;
    }
  };
  const act = (argument: string, letter: string) => {
    const count = Number(argument) || 1;
    if (letter === "A") row = Math.max(0, row - count);
    if (letter === "B") row += count;
    if (letter === "C") column += count;
    if (letter === "D") column = Math.max(0, column - count);
    if (letter === "G") column = count - 1;
    if (letter === "K") line().splice(argument === "2" ? 0 : column);
    if (letter === "J") lines.splice(row, Infinity, line().slice(0, column));
  };
  for (const [at, part] of raw.split(code).entries()) {
    if (at % 2 === 1) act(part.slice(2, -1), part.at(-1)!);
    else for (const character of part) write(character);
  }
  return lines.map((cells) => cells.join("").trimEnd());
}
