import {
  type Document,
  isAlias,
  isCollection,
  isMap,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseAllDocuments,
  visit,
  type YAMLError,
} from "yaml";
import type { InventoryProblem } from "../core/errors.js";
import { codePoint } from "../core/printable.js";
import { examplePath } from "./example.js";

export type Position = { readonly line: number; readonly column: number };
export type Problem = Omit<InventoryProblem, "file">;

/** A YAML text that could be read: its value, and where each key and value stands. */
export type YamlDocument = {
  readonly value: unknown;
  valueAt(path: readonly PropertyKey[]): unknown;
  /** Of the value at `path`, or of the nearest thing around it where there is none. */
  positionOf(path: readonly PropertyKey[]): Position;
  /** Of the key itself. */
  positionOfKey(path: readonly PropertyKey[]): Position;
};

/** Reads YAML without aliases and tags, or says what is wrong with it. */
export function readYaml(text: string): YamlDocument | { problems: Problem[] } {
  const lines = new LineCounter();
  const at = (offset: number): Position => {
    const { line, col } = lines.linePos(Math.min(offset, text.length));
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  // As UTF-8, half of its characters are zero bytes.
  if (/^[^\0]{0,3}\0/.test(text)) return { problems: [utf16] };
  // logLevel: a warning (an unknown tag, say) is looked at below, never printed.
  const parsed = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false, logLevel: "silent" });
  const strange = [...text.matchAll(/[^\n]+/g)].flatMap(({ 0: line, index }) => strangeIn(line, index, at));
  if (strange.length > 0) return { problems: strange };
  const [document, second] = "empty" in parsed ? [] : parsed;
  if (document === undefined) return { problems: [emptyFile] };
  if (second !== undefined)
    return {
      problems: [
        {
          ...at(second.range[0]),
          message: "a second document starts here: a file is one site",
          hint: "Take the `---` away, or give the second one a file of its own.",
        },
      ],
    };

  // Of tags, those that it knows are looked at below, too.
  const errors = [...document.errors, ...document.warnings].filter(
    ({ code }) => code !== "TAG_RESOLVE_FAILED",
  );
  // What else is wrong comes of these.
  const tabs = errors.filter(({ code }) => code === "TAB_AS_INDENT");
  const problems: Problem[] = (tabs.length > 0 ? tabs : errors).map((error) => ({
    ...at(startOfOpen(document, error) ?? error.pos[0]),
    ...explain(error.code, error.message, text[startOfOpen(document, error) ?? error.pos[0]]),
  }));
  visit(document, (_key, node) => {
    const start = (node as Node | null)?.range?.[0] ?? 0;
    const anchor = !isPair(node) && !isAlias(node) && (node as Node | null)?.anchor;
    if (isAlias(node) || anchor)
      problems.push({
        // An anchor stands before what it names.
        ...at(anchor ? text.lastIndexOf(`&${anchor}`, start) : start),
        message: `${isAlias(node) ? "`*` repeats" : "`&` names"} a part of the file, which isn't supported here (YAML's anchors and aliases)`,
        hint: "Write the value out. One that begins with such a sign has to be in quotes.",
      });
    if (isPair(node) && isScalar(node.key) && node.key.value === "<<")
      problems.push({
        ...at(node.key.range?.[0] ?? 0),
        message: "`<<` takes over keys from elsewhere, which isn't supported here (YAML's merge keys)",
        hint: "Write the keys out.",
      });
    if (isPair(node) && !(isScalar(node.key) && typeof node.key.value === "string"))
      problems.push({
        ...at((node.key as Node | null)?.range?.[0] ?? 0),
        message: "a key must be plain text",
        hint: "The keys are words, such as vps, router and server.",
      });
    if (!isPair(node) && (node as Node | null)?.tag !== undefined)
      problems.push({
        ...at(startOfTag(text, start)),
        message: "a word that begins with `!` is a tag in YAML, and tags aren't supported here",
        hint: "Leave the tag out, or put the value in quotes if the `!` belongs to it.",
      });
  });
  if (problems.length > 0) return { problems };
  if (document.contents === null || (isScalar(document.contents) && document.contents.value === null))
    return { problems: [emptyFile] };

  const root = document.contents as Node;
  const pairAt = (path: readonly PropertyKey[]) => {
    const parent = path.length === 1 ? root : document.getIn(path.slice(0, -1), true);
    return isMap(parent)
      ? parent.items.find((pair) => isScalar(pair.key) && pair.key.value === path.at(-1))
      : undefined;
  };
  const itemAt = (path: readonly PropertyKey[]) => {
    const parent = document.getIn(path.slice(0, -1), true);
    return isSeq(parent) ? (parent.items[Number(path.at(-1))] as Node | undefined) : undefined;
  };
  const positionOfKey = (path: readonly PropertyKey[]): Position => {
    if (path.length === 0) return at(root.range?.[0] ?? 0);
    const key = (pairAt(path)?.key ?? itemAt(path)) as Node | undefined;
    return key?.range ? at(key.range[0]) : positionOfKey(path.slice(0, -1));
  };
  return {
    value: document.toJS(),
    valueAt: (path) => {
      const found = document.getIn(path, true) as Node | null | undefined;
      return found?.toJS(document);
    },
    positionOf: (path) => {
      const found = path.length === 0 ? root : (pairAt(path)?.value ?? itemAt(path));
      const range = (found as Node | null | undefined)?.range;
      // An empty value (`lan:`) has a place of no width behind the key: the key is the better one.
      return range && range[1] > range[0] ? at(range[0]) : positionOfKey(path);
    },
    positionOfKey,
  };
}

/** What is never closed, a quote or a bracket, is only missed further down: its opening is the place to look at. */
function startOfOpen(document: Document, error: YAMLError): number | undefined {
  if (error.code !== "MISSING_CHAR" && !/^Flow (map|sequence)/.test(error.message)) return undefined;
  let start: number | undefined;
  visit(document, (_key, node) => {
    const open = isScalar(node) ? /^QUOTE/.test(node.type ?? "") : isCollection(node) && node.flow;
    const range = (node as Node | null)?.range;
    if (open && range && range[0] <= error.pos[0] && error.pos[0] <= range[2]) start = range[0];
  });
  return start;
}

/** `!tag` or `!!tag` stands before its value. */
function startOfTag(text: string, value: number): number {
  const last = text.lastIndexOf("!", value);
  return text[last - 1] === "!" ? last - 1 : Math.max(last, 0);
}

const names: Readonly<Record<string, string>> = {
  "\u00a0": "no-break space",
  "\u00ad": "soft hyphen",
  "\u200b": "zero-width space",
  "\ufeff": "byte order mark",
};
const typed: readonly (readonly [RegExp, string])[] = [
  [/[‘’‚‛]/, "'"],
  [/[“”„‟«»]/, '"'],
  [/[‐-―−]/, "-"],
  [/→/, "->"],
];

/** What looks like nothing, or like another character, as it comes with text from web pages and word processors. */
function strangeIn(line: string, offset: number, at: (offset: number) => Position): Problem[] {
  const comment = /(^|\s)#/.exec(line)?.index ?? line.length;
  return [...line.slice(0, comment).matchAll(/[\p{Cf}\p{Zl}\p{Zp}‘-‟«»‐-―−→\ufffd]|(?! )\p{Zs}/gu)].flatMap(
    ({ 0: found, index }) => {
      // At the very beginning of a file, it is an editor's.
      if (found === "\ufeff" && offset + index === 0) return [];
      const code = codePoint(found);
      const like = typed.find(([looks]) => looks.test(found))?.[1];
      const place = at(offset + index);
      if (found === "\ufffd")
        return [{ ...place, message: "this character isn't UTF-8", hint: "Save the file as UTF-8." }];
      return like === undefined
        ? [
            {
              ...place,
              message: `an invisible character is here: ${code}${found in names ? ` (${names[found]})` : ""}`,
              hint: "Delete it, and type a space if there has to be one.",
            },
          ]
        : [
            {
              ...place,
              message: `${found} (${code}) isn't what a keyboard types`,
              hint: `Type ${like} instead.`,
            },
          ];
    },
  );
}

const utf16: Problem = {
  line: 1,
  column: 1,
  message: "the file is UTF-16, or no text",
  hint: "Save it as UTF-8: editors ask for the encoding with 'Save as'.",
};

const emptyFile: Problem = {
  line: 1,
  column: 1,
  message: "the file is empty",
  hint: `Copy ${examplePath()} and change it: vps.ssh, router.ssh and server are required.`,
};

function explain(code: string, message: string, character = ""): { message: string; hint?: string } {
  if (code === "DUPLICATE_KEY") return { message: "this key is there twice", hint: "Delete one of them." };
  if (code === "TAB_AS_INDENT") return { message: "a tab indents this line", hint: "YAML wants spaces." };
  if (code === "MISSING_CHAR" && /^["']$/.test(character))
    return {
      message: "this quote is never closed",
      hint: `Write another ${character} behind the value, or leave both out.`,
    };
  if (/^Flow (map|sequence)/.test(message))
    return {
      message: `this ${character} is never closed, or what is in it isn't indented`,
      hint: `Write a ${character === "[" ? "]" : "}"} behind its last entry.`,
    };
  if (/^Unexpected ,/.test(message))
    return { message: "there is nothing before this comma", hint: "Leave the comma out." };
  if (code === "BAD_SCALAR_START")
    return { message: `a value can't begin with ${character}`, hint: "Put the whole value in quotes." };
  if (code === "BAD_DQ_ESCAPE")
    return { message: `no valid YAML: ${message}`, hint: "Write \\\\ for \\, or use single quotes." };
  if (
    code === "MISSING_CHAR" ||
    code === "UNEXPECTED_TOKEN" ||
    code === "BAD_INDENT" ||
    code === "BLOCK_AS_IMPLICIT_KEY" ||
    code === "MULTILINE_IMPLICIT_KEY"
  )
    return {
      message: `no valid YAML: ${message}`,
      hint: "A line is `key: value`, and keys that belong together are indented alike.",
    };
  return { message: `no valid YAML: ${message}` };
}
