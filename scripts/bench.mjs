// The measuring of scripts/bench.
import { parseArgs } from "node:util";
import { measureCommands } from "./bench-commands.mjs";
import { column, lab, say } from "./bench-lab.mjs";
import { measureWays } from "./bench-ways.mjs";

const parts = { commands: measureCommands, ways: measureWays };
const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: "boolean", default: false }, runs: { type: "string", default: "5" } },
});
const runs = Number(options.runs);
const wanted = positionals.length > 0 ? positionals : Object.keys(parts);
if (!Number.isInteger(runs) || runs < 1 || !wanted.every((part) => part in parts)) {
  process.stderr.write(`usage: scripts/bench [--json] [--runs N] [${Object.keys(parts).join(" | ")}]\n`);
  process.exit(1);
}

say("boots the lab");
lab("up");
const results = wanted.map((part) => [part, parts[part](runs)]);
const isMet = ({ value, atMost = Infinity, atLeast = 0 }) => value <= atMost && value >= atLeast;
const bound = ({ atMost, atLeast }) => (atLeast === undefined ? `at most ${atMost}` : `at least ${atLeast}`);

if (options.json) {
  const all = results.map(([part, { values, aims }]) => [part, { ...values, aims: aims.map((aim) => ({ ...aim, met: isMet(aim) })) }]);
  process.stdout.write(`${JSON.stringify({ runs, ...Object.fromEntries(all) }, null, 2)}\n`);
} else {
  const lines = results.flatMap(([, { lines, aims }]) => [
    ...lines,
    "",
    ...aims.map((aim) => `${isMet(aim) ? "met   " : "missed"}  ${aim.what.padEnd(64)}${column(aim.value)}  (aim: ${bound(aim)})`),
    "",
  ]);
  process.stdout.write(lines.join("\n"));
}
