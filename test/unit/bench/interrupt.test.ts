import { afterEach, expect, it, vi } from "vitest";
import { withRelay } from "../../../src/commands/bench.js";
import type { RunOptions, RunResult } from "../../../src/core/shell.js";
import { silent } from "../../../src/report/progress.js";

afterEach(() => vi.restoreAllMocks());

it("Ctrl-C stops the relay on the VPS before ds4 ends", async () => {
  const ended = { stdout: "", stderr: "", code: 0 };
  let end: (result: RunResult) => void = () => {};
  const scripts: string[] = [];
  const vps = {
    label: "vps",
    close: async () => {},
    run: (script: string, { onLine }: RunOptions = {}) => {
      scripts.push(script);
      if (onLine === undefined) {
        end(ended);
        return Promise.resolve(ended);
      }
      onLine("ready 42080");
      return new Promise<RunResult>((resolve) => {
        end = resolve;
      });
    },
  };
  vi.spyOn(process.stderr, "write").mockReturnValue(true);
  const exited = new Promise((resolve) => {
    vi.spyOn(process, "exit").mockImplementation(((code: number) => resolve(code)) as typeof process.exit);
  });
  const direct = { name: "ipv6", address: "2001:db8::1", port: 444, pings: true } as const;
  let through: () => void = () => {};
  const measuring = withRelay({ shells: { vps } }, direct, "203.0.113.144", silent, [], (port) => {
    expect(port).toBe(42080);
    return new Promise<void>((resolve) => {
      through = resolve;
      setImmediate(() => process.emit("SIGINT"));
    });
  });
  expect(await exited).toBe(130);
  expect(scripts).toHaveLength(2);
  // To where the direct way leads, and stopped by the file that it made.
  expect(scripts[0]).toContain("[2001:db8::1]:444");
  const file = /rm -f (\S+)/.exec(scripts[1] ?? "")?.[1] ?? "none";
  expect(scripts[0]).toContain(`: >${file}\n`);
  through();
  await measuring;
});
