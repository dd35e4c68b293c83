import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { Ds4Error } from "../core/errors.js";
import { examplePath } from "./example.js";
import { nearest } from "./nearest.js";

/** They come with ds4, and are meant only when named. */
const SHIPPED = ["example", "example-forward", "example-linux", "example-relay", "lab", "lab-linux"];

/**
 * The files of the sites in `folder`, by their names, in order. Two of one name are refused, but where only
 * another site is `wanted`. @throws Ds4Error
 */
export async function siteFiles(folder: string, wanted?: string): Promise<ReadonlyMap<string, string>> {
  let entries: string[];
  try {
    entries = await readdir(folder);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return new Map();
    throw new Ds4Error(`can't read the inventory folder ${folder}: ${(cause as Error).message}`, { cause });
  }
  const files = new Map<string, string>();
  const nameOf = (entry: string) => entry.replace(/\.ya?ml$/, "");
  const found = entries.filter((entry) => /^[^.].*\.ya?ml$/.test(entry));
  for (const entry of found.sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1))) {
    const name = nameOf(entry);
    const other = files.get(name);
    if (other !== undefined && (wanted ?? name) === name)
      throw new Ds4Error(`there are two files of the site ${name}: ${other} and ${join(folder, entry)}`, {
        hint: "Remove or rename one of them.",
      });
    files.set(name, join(folder, entry));
  }
  return files;
}

/**
 * The file of the site `name` in `folder`; without a name, of the only site there.
 * A name with a slash or that ends in .yaml is a file by itself, or one in the folder.
 */
export async function findSite(folder: string, name?: string): Promise<string> {
  if (name !== undefined && (name.includes("/") || /\.ya?ml$/.test(name))) {
    const paths = [name, ...(name.includes("/") ? [] : [join(folder, name)])];
    for (const path of paths) if (await isFile(path)) return path;
    const there = (await stat(name).catch(() => undefined)) !== undefined;
    throw new Ds4Error(there ? `${name} is no file` : `there is no inventory file ${name}`, {
      hint: "Type the name of a site, or its file, such as sites/home.yaml.",
    });
  }
  const files = await siteFiles(folder, name);
  const names = [...files.keys()];
  if (name !== undefined) {
    const file = files.get(name);
    if (file !== undefined) return file;
    const meant = nearest(name, names);
    throw new Ds4Error(`there is no site "${name}": ${join(folder, `${name}.yaml`)} doesn't exist`, {
      hint: meant !== undefined ? `Did you mean ${meant}?` : howToAdd(folder, names),
    });
  }
  const own = names.filter((candidate) => !SHIPPED.includes(candidate));
  const [only = ""] = own;
  if (own.length === 1) return files.get(only) ?? "";
  if (own.length === 0)
    throw new Ds4Error(`there is no site of yours in ${folder}`, { hint: howToAdd(folder, names) });
  throw new Ds4Error(`there are ${own.length} sites in ${folder}: say which one`, {
    hint: `Type one of their names: ${own.join(", ")}.`,
  });
}

function howToAdd(folder: string, names: readonly string[]): string {
  const known = names.length > 0 ? ` (there: ${names.join(", ")})` : "";
  return `Write ${join(folder, "home.yaml")} like ${examplePath()}${known}.`;
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() ?? false;
}
