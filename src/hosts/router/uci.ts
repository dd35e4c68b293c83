import { HostError } from "../../core/errors.js";

/** A UCI section: `.type`, then its options; lists as arrays. */
export type UciSection = {
  readonly name: string;
  readonly type: string;
  readonly anonymous: boolean;
  readonly options: Readonly<Record<string, string | readonly string[]>>;
};

/** Reads the text of `uci export`. @throws HostError for a line that it can't read. */
export function parseUciExport(text: string): readonly UciSection[] {
  const sections: {
    name: string;
    type: string;
    anonymous: boolean;
    options: Record<string, string | string[]>;
  }[] = [];
  for (const words of wordLines(text)) {
    const [keyword, first = "", second] = words;
    const current = sections.at(-1);
    if (keyword === "package") continue;
    if (keyword === "config") {
      sections.push({ name: second ?? "", type: first, anonymous: second === undefined, options: {} });
    } else if (keyword === "option" && current && second !== undefined) current.options[first] = second;
    else if (keyword === "list" && current && second !== undefined) {
      const list = current.options[first];
      current.options[first] = [...(Array.isArray(list) ? list : []), second];
    } else throw new HostError(`uci export has an unknown line: ${words.join(" ")}`);
  }
  return sections;
}

/** The words of each line, with uci's quoting (`'it'\''s'`) taken off; a quoted value may span lines. */
function wordLines(text: string): readonly (readonly string[])[] {
  const lines: string[][] = [[]];
  let word: string | undefined;
  for (let at = 0; at < text.length; at++) {
    const char = text[at] ?? "";
    if (char === "'") {
      const end = text.indexOf("'", at + 1);
      if (end < 0) throw new HostError("uci export has a quote that isn't closed");
      word = (word ?? "") + text.slice(at + 1, end);
      at = end;
    } else if (char === "\\") word = (word ?? "") + (text[++at] ?? "");
    else if (/\s/.test(char)) {
      if (word !== undefined) lines.at(-1)?.push(word);
      word = undefined;
      if (char === "\n") lines.push([]);
    } else word = (word ?? "") + char;
  }
  return lines.filter((words) => words.length > 0);
}

/** The values of an option, whether it is written as a list or as words of one option. */
export function valuesOf(section: UciSection, option: string): readonly string[] {
  const value = section.options[option];
  if (value === undefined) return [];
  return typeof value === "string" ? value.split(/\s+/).filter((word) => word !== "") : value;
}
