import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { group, quote, writeFile } from "../../../src/core/script.js";
import { runScript, shells, title } from "../../shells.js";

const folder = mkdtempSync(join(tmpdir(), "ds4-cut-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const trace = join(folder, "trace");
const note = "echo >>trace";

/** A change in all the forms that a cut could fall into: words, quotes, here-documents, groups, functions. */
const script = group([
  note,
  "set -eu",
  `f() { ${note}; }; f`,
  ...writeFile("./a b", "it's\n}\nexit 0\n", "600").map((line) => `${line}; ${note}`),
  "cat <<'DS4' >/dev/null",
  "set network.ds4_x='}'",
  "}",
  "DS4",
  note,
  `( ${note} )`,
  `if :; then ${note}; fi`,
  `{ ${note}; } | cat`,
  `case x in x) ${note} ;; esac`,
  `x=$(${note}; echo "it's")`,
]);

for (const shell of shells) {
  describe.skipIf(shell.missing)(title(shell, "a script that is cut short"), () => {
    it("runs nothing, wherever the cut is", () => {
      writeFileSync(trace, "");
      // Its very last newline may be missing.
      for (let length = 0; length < script.length - 1; length++) {
        writeFileSync(join(folder, `cut.${length}`), script.slice(0, length));
      }
      // One shell starts them all: from here, each start would take several times as long.
      const all = `cd ${quote(folder)}; n=0; while [ $n -lt ${script.length - 1} ]; do
${shell.command.join(" ")} -s <cut.$n >/dev/null 2>&1
[ ! -s trace ] || { echo "something ran when it was cut at $n"; exit; }
n=$((n + 1)); done; echo "$n cuts"`;
      expect(runScript(shell, all)).toMatchObject({ stdout: `${script.length - 1} cuts\n`, code: 0 });
    });

    it("and runs everything when it isn't", () => {
      writeFileSync(trace, "");
      expect(runScript(shell, `cd ${quote(folder)}\n${script}`)).toEqual({ stdout: "", stderr: "", code: 0 });
      expect(readFileSync(trace, "utf8")).toBe("\n".repeat(11));
    });
  });
}
