import { HostError } from "../core/errors.js";
import { removeFile, required, type Section, writeFile } from "../core/script.js";
import type { Items, State } from "../core/state.js";
import { type RenderContext, unwanted, wanted } from "../core/step.js";

/** A probe that prints each of the files that is there, with its mode and owner. File names of ds4 hold no spaces. */
export function probeFiles(patterns: readonly string[]): string {
  // `ls -ln` instead of stat, which a router doesn't have; two processes, however many files.
  return `set --; for f in ${patterns.join(" ")}; do [ ! -f "$f" ] || set -- "$@" "$f"; done
[ $# -gt 0 ] || exit 0
ls -ln "$@"; awk 'FNR == 1 { print "file " FILENAME } { print "|" $0 }' "$@"`;
}

/** The files of such a probe, by path. @throws HostError where the probe failed. */
export function parseFiles(section: Section): Items {
  const items = new Map<string, State>();
  let path = "";
  for (const line of required(section, "ds4's files").split("\n")) {
    const listed = /^(-\S+) +\d+ +(\d+) .* (\/\S+)$/.exec(line);
    if (line.startsWith("|")) {
      const state = items.get(path);
      if (state) items.set(path, { ...state, content: `${state.content}${line.slice(1)}\n` });
    } else if (line.startsWith("file ")) path = line.slice(5);
    else if (listed) {
      items.set(listed[3] ?? "", { mode: octal(listed[1] ?? ""), owner: listed[2] ?? "", content: "" });
    }
  }
  return items;
}

/** `-rwxr-xr-x` as `755`. @throws HostError for what isn't a mode. */
function octal(letters: string): string {
  if (!/^-[rwxsStT-]{9}/.test(letters)) throw new HostError(`a file's mode has an unknown form: ${letters}`);
  return [1, 4, 7]
    .map((at) =>
      ["r", "w", "x"].reduce((sum, letter, i) => sum + (letters[at + i] === letter ? 4 >> i : 0), 0),
    )
    .join("");
}

/** The wanted state of a file: root's. */
export function fileState(content: string, mode = "600"): State {
  return { mode, owner: "0", content };
}

/** Lines that write and remove files; `checks` gives, by path, the line that looks at the new one before it counts. */
export function renderFiles(
  changes: Parameters<typeof wanted>[0],
  context: RenderContext,
  checks: Readonly<Record<string, (file: string) => string>> = {},
): readonly string[] {
  return [
    ...unwanted(changes).flatMap(({ id }) => [context.mark(id), removeFile(id)]),
    ...wanted(changes).flatMap(({ id, to }) => [
      context.mark(id),
      ...writeFile(id, String(to.content), String(to.mode), checks[id]),
    ]),
  ];
}
