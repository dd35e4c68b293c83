import {
  type Document,
  isAlias,
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
  // logLevel: a warning (an unknown tag, say) is looked at below, never printed.
  const parsed = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false, logLevel: "silent" });
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
    ...at(startOfQuoted(document, error) ?? error.pos[0]),
    ...explain(error.code, error.message),
  }));
  visit(document, (_key, node) => {
    if (isAlias(node) || (!isPair(node) && (node as Node | null)?.anchor))
      problems.push({
        ...at((node as Node).range?.[0] ?? 0),
        message: "anchors and aliases aren't supported here",
        hint: "Write the value out.",
      });
    if (isPair(node) && !(isScalar(node.key) && typeof node.key.value === "string"))
      problems.push({
        ...at((node.key as Node | null)?.range?.[0] ?? 0),
        message: "a key must be plain text",
        hint: "The keys are words, such as vps, router and server.",
      });
    if (!isPair(node) && (node as Node | null)?.tag !== undefined)
      problems.push({
        ...at((node as Node).range?.[0] ?? 0),
        message: "tags aren't supported here",
        hint: "Leave the tag out.",
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

/** A quote that is never closed is only missed at the end of the file: its opening is the place to look at. */
function startOfQuoted(document: Document, error: YAMLError): number | undefined {
  if (error.code !== "MISSING_CHAR") return undefined;
  let start: number | undefined;
  visit(document, {
    Scalar(_key, { type, range }) {
      const quoted = type === "QUOTE_DOUBLE" || type === "QUOTE_SINGLE";
      if (quoted && range && range[0] <= error.pos[0] && error.pos[0] <= range[2]) start = range[0];
    },
  });
  return start;
}

const emptyFile: Problem = {
  line: 1,
  column: 1,
  message: "the file is empty",
  hint: `Copy ${examplePath()} and change it: vps.ssh, router.ssh and server are required.`,
};

function explain(code: string, message: string): { message: string; hint?: string } {
  if (code === "DUPLICATE_KEY") return { message: "this key is there twice", hint: "Delete one of them." };
  if (code === "TAB_AS_INDENT") return { message: "a tab indents this line", hint: "YAML wants spaces." };
  if (
    code === "MISSING_CHAR" ||
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
