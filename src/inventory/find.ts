import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { Ds4Error } from "../core/errors.js";
import { nearest } from "./nearest.js";

/** They come with ds4, and are meant only when named. */
const SHIPPED = ["example", "example-forward", "example-linux", "example-relay", "lab", "lab-linux"];

/** The names of the sites in `folder`, sorted. */
export async function siteNames(folder: string): Promise<string[]> {
  let entries: string[];
  try {
    entries = await readdir(folder);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw new Ds4Error(`can't read the inventory folder ${folder}: ${(cause as Error).message}`, { cause });
  }
  return entries
    .filter((entry) => /^[^.].*\.yaml$/.test(entry))
    .map((entry) => entry.slice(0, -".yaml".length))
    .sort();
}

/**
 * The file of the site `name` in `folder`; without a name, of the only site there.
 * A name with a slash or that ends in .yaml is a file by itself.
 */
export async function findSite(folder: string, name?: string): Promise<string> {
  if (name !== undefined && (name.includes("/") || /\.ya?ml$/.test(name))) {
    if (await isFile(name)) return name;
    throw new Ds4Error(`there is no inventory file ${name}`);
  }
  const names = await siteNames(folder);
  if (name !== undefined) {
    if (names.includes(name)) return join(folder, `${name}.yaml`);
    const meant = nearest(name, names);
    throw new Ds4Error(`there is no site "${name}": ${join(folder, `${name}.yaml`)} doesn't exist`, {
      hint: meant !== undefined ? `Did you mean ${meant}?` : howToAdd(folder, names),
    });
  }
  const own = names.filter((candidate) => !SHIPPED.includes(candidate));
  if (own.length === 1) return join(folder, `${own[0]}.yaml`);
  if (own.length === 0)
    throw new Ds4Error(`there is no site of yours in ${folder}`, { hint: howToAdd(folder, names) });
  throw new Ds4Error(`there are ${own.length} sites in ${folder}: say which one`, {
    hint: `Type one of their names: ${own.join(", ")}.`,
  });
}

function howToAdd(folder: string, names: readonly string[]): string {
  const known = names.length > 0 ? ` (there: ${names.join(", ")})` : "";
  return `Write ${join(folder, "home.yaml")} like inventory/example.yaml${known}.`;
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() ?? false;
}
