import chalk, { type ChalkInstance } from "chalk";
import type { SitePlan } from "../converge/plan-site.js";
import { hostEntries } from "../core/hosts.js";
import type { StepChange } from "../core/plan.js";
import { printable } from "../core/printable.js";
import { changedFields, type State } from "../core/state.js";
import type { Entrance } from "../hosts/entrances.js";
import { serversOf } from "../inventory/site.js";
import type { Proof } from "../proof/judge.js";
import type { Result } from "./result.js";

/** The plan as a person reads it: what is made, changed and removed on each host. `paint` is of the stream it goes to. */
export function describePlan(
  plan: SitePlan,
  direction: "plan" | "drift",
  paint: ChalkInstance = chalk,
): string {
  return hostEntries(plan)
    .flatMap(([host, { changes }]) =>
      changes.length === 0
        ? []
        : [
            paint.bold(host),
            ...changes.flatMap((change) => describeChange(change, direction, paint).map((l) => `  ${l}`)),
          ],
    )
    .join("\n");
}

/** What was shown, one line for each. */
export function describeProofs(proofs: readonly Proof[], paint: ChalkInstance = chalk): string {
  return proofs
    .map(({ name, proved, seen }) => {
      const mark = proved === undefined ? paint.dim("-") : proved ? paint.green("✔") : paint.red("✖");
      return `  ${mark} ${name}${proved === undefined ? " (not proved)" : ""}: ${printable(seen)}`;
    })
    .join("\n");
}

/** Who waits for a confirmation, and what happens without one. */
export function describeUnconfirmed(waiting: NonNullable<Result["unconfirmed"]>, site: string): string {
  const [first] = waiting;
  return [
    `${chalk.yellow("!")} 'ds4 ${first?.command}' by ${printable(first?.by ?? "")} (begun ${printable(first?.since ?? "")}) is not confirmed`,
    ...waiting.map(
      ({ host, secondsLeft }) =>
        `  ${host}: goes back by itself ${secondsLeft > 0 ? `in ${secondsLeft} s` : "now, or at its next boot"}`,
    ),
    `'ds4 confirm ${site}' proves it and keeps it, 'ds4 rollback ${site}' takes it back at once.`,
  ].join("\n");
}

function describeChange(
  change: StepChange,
  direction: "plan" | "drift",
  paint: ChalkInstance,
): readonly string[] {
  const { from, to } = change;
  const name = printable(`${change.step} ${change.id}`);
  const layer = paint.dim(` (${change.layer === "live" ? "live" : "for the next boot"})`);
  const tail = direction === "drift" ? layer : "";
  if (from === undefined) {
    return direction === "drift"
      ? [`${paint.red("missing")}  ${name}${tail}`]
      : [`${paint.green("+")} ${name}${summary(to, paint)}`];
  }
  if (to === undefined) {
    return direction === "drift"
      ? [`${paint.red("too much")} ${name}${tail}`]
      : [`${paint.red("-")} ${name}`];
  }
  const title =
    direction === "drift" ? `${paint.red("differs")}  ${name}${tail}` : `${paint.yellow("~")} ${name}`;
  return [
    title,
    ...changedFields(change).flatMap((field) => describeField(field, from[field], to[field], paint)),
  ];
}

/** The one-line form of a small state; a file's content and a chain's rules are too long for it. */
function summary(state: State | undefined, paint: ChalkInstance): string {
  const fields = Object.entries(state ?? {}).filter(([name]) => name !== ".type");
  const text = fields
    .map(([name, value]) => `${name} ${Array.isArray(value) ? value.join(" ") : value}`)
    .join(", ");
  return text.includes("\n") || text.length > 90 ? "" : paint.dim(`  ${printable(text)}`);
}

type Value = State[string] | undefined;

/** What differs in a field: line by line where it is a text or a list. */
function describeField(name: string, from: Value, to: Value, paint: ChalkInstance): readonly string[] {
  const lines = (value: Value): readonly string[] =>
    value === undefined
      ? []
      : (Array.isArray(value) ? value : String(value).replace(/\n$/, "").split("\n")).map(printable);
  const [old, wanted] = [lines(from), lines(to)];
  if (old.length <= 1 && wanted.length <= 1) {
    return [`    ${name}: ${paint.red(show(from))} -> ${paint.green(show(to))}`];
  }
  const gone = old.filter((line) => !wanted.includes(line));
  const missing = wanted.filter((line) => !old.includes(line));
  const other =
    gone.length + missing.length === 0 ? [paint.dim("      other order, or something doubled")] : [];
  return [
    `    ${name}:`,
    ...gone.map((line) => paint.red(`      - ${line}`)),
    ...missing.map((line) => paint.green(`      + ${line}`)),
    ...other,
  ];
}

function show(value: Value): string {
  if (value === undefined) return "(not set)";
  const text = Array.isArray(value) ? value.join(" ") : String(value);
  return text === "" ? "(empty)" : printable(text);
}

/** `203.0.113.144 -> 192.168.1.210, 192.168.1.211`, for each public IPv4. */
export function waysHome(entrances: readonly Pick<Entrance, "publicIPv4" | "forwards">[]): string {
  return entrances
    .map((entrance) => `${entrance.publicIPv4} -> ${serversOf(entrance).join(", ")}`)
    .join("; ");
}
