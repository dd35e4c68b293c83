import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { group, quote, writeFile } from "../../../src/core/script.js";
import { runScript, shells, title } from "../../shells.js";

const folder = mkdtempSync(join(tmpdir(), "ds4-quoting-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What would hurt if it were read as anything but itself. */
const hostile = fc.constantFrom(
  "$(touch pwned)",
  "`id`",
  "${HOME}",
  "'",
  "''",
  "'\\''",
  '"',
  "\\",
  "\\\\n",
  "\n",
  "\r\n",
  "\t",
  "\u0001\u0081\u0088",
  " ; reboot # ",
  "&& false",
  "*",
  "~root",
  "-n",
  "--help",
  "%s%n%d",
  "!!",
  "\nDS4\n",
  "EOF",
  "}\n",
  "{",
  "\u007f",
  "é€😀",
);
const text = fc
  .array(fc.oneof(hostile, fc.string({ unit: "binary", maxLength: 20 }), fc.string({ maxLength: 20 })), {
    maxLength: 5,
  })
  .map((parts) => parts.join("").replaceAll("\0", ""));

for (const shell of shells) {
  describe.skipIf(shell.missing)(title(shell, "any text"), () => {
    // Many values a process, as starting one is what takes the time.
    it("reaches a command as it is, quoted", () => {
      fc.assert(
        fc.property(fc.array(text, { minLength: 100, maxLength: 300 }), (values) => {
          const script = group([`printf '%s\\0' ${values.map(quote).join(" ")}`]);
          const { stdout, stderr, code } = runScript(shell, script);
          expect({ stderr, code }).toEqual({ stderr: "", code: 0 });
          expect(stdout.split("\0").slice(0, -1)).toEqual(values);
        }),
        { numRuns: 15 },
      );
    });

    it("gets into a file of any name, with its mode and nothing beside it", () => {
      const part = text.map((name) => `${name.replaceAll("/", "").slice(0, 40)}.`);
      const file = fc.record({
        path: fc.array(part, { minLength: 1, maxLength: 3 }),
        content: text,
        mode: fc.constantFrom("600", "644", "755"),
      });
      let run = 0;
      fc.assert(
        fc.property(fc.array(file, { minLength: 10, maxLength: 25 }), (files) => {
          const top = join(folder, String(run++), shell.name);
          const placed = files.map(({ path, content, mode }, at) => ({
            path: [top, String(at), ...path.map((name) => `x${name}`)].join("/"),
            content,
            mode,
          }));
          const lines = placed.flatMap(({ path, content, mode }) => writeFile(path, content, mode));
          const { stdout, stderr, code } = runScript(shell, group(["set -eu", ...lines]));
          expect({ stdout, stderr, code }).toEqual({ stdout: "", stderr: "", code: 0 });
          for (const { path, content, mode } of placed) {
            expect(readFileSync(path, "utf8")).toBe(content);
            expect((statSync(path).mode & 0o7777).toString(8)).toBe(mode);
            expect(readdirSync(dirname(path))).toHaveLength(1);
          }
        }),
        { numRuns: 4 },
      );
    });
  });
}
