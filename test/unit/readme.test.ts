import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
const readme = read("README.md");
const schema = JSON.parse(read("inventory/site.schema.json"));

type Node = { readonly properties?: Readonly<Record<string, Node>> };

/** The keys that hold a value, such as `router.zones.wan`. */
const keysOf = ({ properties = {} }: Node, path = ""): readonly string[] =>
  Object.entries(properties).flatMap(([key, node]) =>
    node.properties ? keysOf(node, `${path}${key}.`) : [`${path}${key}`],
  );

describe("README.md", () => {
  it("explains every key of an inventory, and no other", () => {
    const [, section = ""] = readme.split("\n## The inventory\n");
    const [table = ""] = section.split("\n### ");
    const explained = [...table.matchAll(/^\| `([^`]+)`/gm)].map(([, key]) => key);
    expect(explained.length).toBeGreaterThan(20);
    // Its items have a section of their own.
    expect(explained.sort()).toEqual([...keysOf(schema)].sort());
  });
});
