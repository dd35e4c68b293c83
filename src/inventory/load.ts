import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import type { z } from "zod";
import { Ds4Error, InventoryError, type InventoryProblem } from "../core/errors.js";
import { crossProblems } from "./cross-field.js";
import { issueProblems, keyName } from "./issues.js";
import { type SiteFile, siteSchema } from "./schema.js";
import type { Site } from "./site.js";
import { readYaml, type YamlDocument } from "./yaml-document.js";

/** Reads one inventory file. Throws an InventoryError that names all that is wrong in it. */
export async function loadSite(file: string): Promise<Site> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (cause) {
    const { code = "", message } = cause as NodeJS.ErrnoException;
    const why = { EISDIR: "it is a folder", EACCES: "you may not read it", ENOENT: "it isn't there" }[code];
    throw new Ds4Error(`can't read the inventory ${file}: ${why ?? message}`, {
      hint: "A site is a text file: check its name, and who may read it ('ls -l').",
      cause,
    });
  }
  return parseSite(text, file);
}

/** Turns the text of `file` into a site, or throws an InventoryError. */
export function parseSite(text: string, file: string): Site {
  const document = readYaml(text);
  if ("problems" in document) throw inventoryError(file, document.problems);

  const parsed = siteSchema.safeParse(document.value);
  const problems = parsed.success ? [] : issueProblems(parsed.error.issues as z.core.$ZodIssue[], document);
  for (const { path, message, hint } of crossProblems(document.valueAt))
    problems.push({ ...document.positionOf(path), message: `${keyName(path)}: ${message}`, hint });
  if (!parsed.success || problems.length > 0) throw inventoryError(file, problems);
  return toSite(parsed.data, file, document);
}

/** The name of the file is the site's: it is written into files on the hosts, and typed into shells. */
function siteName(file: string): string {
  const name = basename(file).replace(/\.ya?ml$/, "");
  if (/^[\p{L}\p{N}_][\p{L}\p{M}\p{N}_. -]{0,63}$/u.test(name)) return name;
  throw new Ds4Error(`${JSON.stringify(name)} is no name for a site, and the file's name is that`, {
    hint: "Rename the file: at most 64 letters, digits, spaces, _ . and -, and a letter or digit first.",
  });
}

function toSite(
  {
    mode = "tunnel",
    vps,
    router,
    home,
    server,
    forward = [],
    egress = "vps",
    hairpin = "router",
    tunnel,
  }: SiteFile,
  file: string,
  { positionOf }: YamlDocument,
): Site {
  return {
    name: siteName(file),
    file,
    mode,
    vps: dropUndefined(vps),
    ...(router && { router: { ...dropUndefined(router), zones: dropUndefined(router.zones ?? {}) } }),
    ...(home && { home: dropUndefined(home) }),
    forwards:
      server === undefined
        ? forward.map(({ server, traffic, publicIPv4 }, at) => ({
            server,
            ...(publicIPv4 === undefined
              ? {}
              : { publicIPv4: { address: publicIPv4, ...positionOf(["forward", at, "publicIPv4"]) } }),
            egress: forward.find((entry) => entry.server === server && entry.egress)?.egress ?? egress,
            line: positionOf(["forward", at]).line,
            ...traffic,
          }))
        : [{ server, egress, line: positionOf(["server"]).line, all: { except: [] }, flows: [] }],
    hairpin,
    tunnel: {
      name: "wrap1",
      table: 42,
      end: home !== undefined && router === undefined ? "home" : "router",
      ...dropUndefined(tunnel ?? {}),
    },
  };
}

/** zod types an optional key as possibly undefined; a Site leaves such a key out. */
function dropUndefined<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, entry]) => entry !== undefined)) as never;
}

function inventoryError(file: string, problems: readonly Omit<InventoryProblem, "file">[]): InventoryError {
  const sorted = [...problems].sort((a, b) => a.line - b.line || a.column - b.column);
  const [first, ...more] = sorted.map((problem) => ({ file, ...problem }));
  if (first === undefined) throw new Error("an inventory was refused without a problem");
  return new InventoryError([first, ...more]);
}
