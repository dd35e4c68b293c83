import { quote } from "../../core/script.js";
import type { Change, Items, State } from "../../core/state.js";
import { type RenderContext, type Step, wanted } from "../../core/step.js";
import type { LinuxFacts } from "../../hosts/linux/facts.js";
import type { World } from "../../hosts/world.js";

/** Where the script is that `apply` runs, and that runs again at each boot. */
export const bootScriptPath = "/etc/ds4/up";

export type LinuxStep<W extends World> = Step<W, LinuxFacts>;

/** A step for running state: what makes its items is in the boot script, and `apply` runs it from there. */
export interface BootStep<W extends World> extends LinuxStep<W> {
  /** Lines that bring an item to `state` from whatever is there; safe to run again. */
  up(id: string, state: State): readonly string[];
  /** Lines that note what was there before its first item, for when the last one goes; safe to run again. */
  readonly note?: readonly string[];
}

/** The notes of the steps that have a part in a boot script: what it changes has to be noted before it can run. */
export function notesFor<W extends World>(script: string, steps: readonly BootStep<W>[]): readonly string[] {
  return steps.flatMap(({ name, note }) =>
    script.includes(`\nif part ${quote(name)} `) ? (note ?? []) : [],
  );
}

/** The line with which `apply` runs the parts of the boot script for these items. */
export function runParts(step: string, ids: readonly string[]): string {
  return `${bootScriptPath} ${ids.map((id) => quote(`${step}:${id}`)).join(" ")}`;
}

/** What the boot script needs of a step. */
export type BootPart = Pick<BootStep<World>, "name" | "up">;

/** Its lines, indented but where one begins inside a quoted word: a tab says so. */
function upLines({ up }: BootPart, id: string, state: State, indent = ""): readonly string[] {
  return up(id, state).map((line) => (line.startsWith("\t") ? line.slice(1) : `${indent}${line}`));
}

/** The usual `render` of a boot step: make by the boot script (an undo: by its lines), remove by `down`. */
export function renderByBootScript(
  step: BootPart,
  changes: readonly Change[],
  down: (id: string, state: State) => readonly string[],
  context: RenderContext,
): readonly string[] {
  const make = wanted(changes);
  return [
    ...changes.flatMap(({ id, from, to }) => (to || !from ? [] : [context.mark(id), ...down(id, from)])),
    ...(context.standalone
      ? make.flatMap(({ id, to }) => [context.mark(id), ...context.make(id, upLines(step, id, to))])
      : make.length > 0
        ? [
            runParts(
              step.name,
              make.map(({ id }) => id),
            ),
          ]
        : []),
  ];
}

/**
 * The script that makes the running state of a host from nothing, or from anything: plan(empty, desired), rendered.
 * Without arguments it does all, otherwise only the named parts.
 */
export function bootScript(site: string, parts: readonly (readonly [BootPart, Items])[]): string {
  const blocks = parts.flatMap(([step, items]) =>
    [...items].flatMap(([id, state]) => [
      "",
      `if part ${quote(step.name)} ${quote(id)}; then`,
      ...upLines(step, id, state, "  "),
      "fi",
    ]),
  );
  return [
    "#!/bin/sh",
    `# Written by ds4 for the site '${site}': 'ds4 apply' runs this, and so does every boot. Safe to run again.`,
    "# Usage: up [STEP:ID ...]  (without arguments: everything)",
    "set -eu",
    "export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin",
    // At boot, several may run it at once: hooks, and the unit.
    '[ ! -r "$0" ] || { exec 9<"$0"; flock -w 60 9 || :; }',
    'asked=" $* "',
    "part() {",
    '  case $asked in "  " | *" $1:$2 "*) echo "@ds4 $1 $2" ;; *) return 1 ;; esac',
    "}",
    ...blocks,
    "",
  ].join("\n");
}
