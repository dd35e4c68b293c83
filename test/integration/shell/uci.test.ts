import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { renderContext } from "../../../src/core/plan.js";
import type { Change, State } from "../../../src/core/state.js";
import { parseUciExport } from "../../../src/hosts/router/uci.js";
import { uci as uciStep } from "../../../src/steps/router/uci.js";

// The lab router's uci, which test/contract holds against recordings of the real one.
const overlay = fileURLToPath(new URL("../../lab/machines/router/overlay", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "ds4-uci-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const [conf, staged] = [join(folder, "config"), join(folder, "staged")];

function uci(args: readonly string[], input = ""): string {
  const { stdout, stderr, status } = spawnSync(
    "perl",
    ["-I", `${overlay}/usr/lib/stand-in/perl`, `${overlay}/sbin/uci`, "-c", conf, "-t", staged, ...args],
    { input, encoding: "utf8" },
  );
  expect({ stderr, status }, `uci ${args.join(" ")}`).toEqual({ stderr: "", status: 0 });
  return stdout;
}

/** The lines that the step hands to `uci batch`; of what is there already, the section first goes. */
function batch(changes: readonly Change[]): readonly string[] {
  const script = uciStep.render(changes, { ...renderContext("", false, []), mark: () => ":" });
  return [
    ...changes.flatMap(({ id, from }) => (from === undefined ? [] : [`delete ${id}`])),
    ...(script.includes("DS4")
      ? script.slice(script.indexOf("cat <<'DS4'") + 1, script.lastIndexOf("DS4"))
      : []),
  ];
}

const piece = fc.oneof(
  fc.constantFrom(
    "'",
    "''",
    "'\\''",
    '"',
    "\\",
    "\\\\",
    "$(reboot)",
    "`",
    "#",
    ";",
    " ",
    "\t",
    "=",
    ".",
    "DS4",
    "é€",
  ),
  fc.string({ maxLength: 8 }),
  fc.string({ unit: "grapheme", maxLength: 4 }),
);
// An empty value removes an option, and the step counts on one line for each change.
const value = fc
  .array(piece, { minLength: 1, maxLength: 5 })
  .map((parts) => `x${parts.join("").replaceAll(/(?!\t)\p{Cc}/gu, "")}`);
const option = fc.constantFrom("proto", "device", "name", "src_ip", "target");
const section: fc.Arbitrary<State> = fc
  .tuple(
    fc.uniqueArray(option, { maxLength: 4 }),
    fc.array(fc.oneof(value, fc.array(value, { minLength: 1, maxLength: 3 })), {
      minLength: 4,
      maxLength: 4,
    }),
  )
  .map(([names, values]) => ({
    ".type": "interface",
    ...Object.fromEntries(names.map((name, at) => [name, values[at] as string | string[]])),
  }));

describe("what the router's step says to uci", () => {
  it("is what uci exports again, and one staged line for each line", () => {
    fc.assert(
      fc.property(fc.array(section, { minLength: 5, maxLength: 20 }), fc.array(section), (before, after) => {
        rmSync(folder, { recursive: true, force: true });
        for (const path of [conf, staged]) mkdirSync(path, { recursive: true });
        writeFileSync(join(conf, "network"), "config globals 'globals'\n\toption x 'y'\n");
        const id = (at: number) => `network.ds4_${at}`;
        const apply = (changes: readonly Change[]) => {
          const lines = batch(changes);
          uci(["batch"], `${lines.join("\n")}\n`);
          expect(uci(["changes", "network"]).split("\n")).toHaveLength(lines.length + 1);
          uci(["commit", "network"]);
        };
        const read = () =>
          parseUciExport(uci(["export", "network"])).map(({ name, type, options }) => [
            `network.${name}`,
            { ".type": type, ...options },
          ]);
        const globals = ["network.globals", { ".type": "globals", x: "y" }];

        apply(before.map((to, at) => ({ id: id(at), to })));
        expect(read()).toEqual([globals, ...before.map((to, at) => [id(at), to])]);
        // Some are changed, and the rest is removed.
        const now = after.slice(0, before.length);
        apply(before.map((from, at) => ({ id: id(at), from, to: now[at] })));
        expect(read()).toEqual([globals, ...now.map((to, at) => [id(at), to])]);
      }),
      { numRuns: 6 },
    );
  });
});
