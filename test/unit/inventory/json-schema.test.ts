import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { z } from "zod";
import { fields } from "../../../src/inventory/fields.js";
import { jsonSchema } from "../../../src/inventory/schema.js";

const inventory = new URL("../../../inventory/", import.meta.url);

it("ships the JSON schema that the checks are made of (else run scripts/schema)", async () => {
  const text = `${JSON.stringify(jsonSchema(), null, 2)}\n`;
  await expect(text).toMatchFileSnapshot(new URL("site.schema.json", inventory).pathname);
});

it("describes every key and gives an example", () => {
  for (const [path, field] of Object.entries(fields)) {
    const meta = field.meta();
    expect(meta?.description, path).toMatch(/\.$/);
    expect(meta?.examples, path).toHaveLength(/^(vps|home)\.endpoint$/.test(path) ? 2 : 1);
  }
});

it("has each example in the file", () => {
  const text = JSON.stringify(jsonSchema());
  for (const [path, field] of Object.entries(fields))
    expect(text, path).toContain(JSON.stringify(field.meta()?.examples));
});

it("takes as traffic a text, a number or a list of them", () => {
  // zod can't read these beside properties.
  const { oneOf: _oneOf, not: _not, if: _if, then: _then, else: _else, ...rest } = jsonSchema();
  const schema = z.fromJSONSchema(rest);
  const accepts = (traffic: unknown) =>
    schema.safeParse({
      vps: { ssh: "a" },
      router: { ssh: "b" },
      forward: [{ server: "192.168.1.210", traffic }],
    }).success;
  for (const traffic of ["all", 47, ["tcp/443", 47]]) expect(accepts(traffic), String(traffic)).toBe(true);
  for (const traffic of [[], true, { tcp: 443 }]) expect(accepts(traffic), String(traffic)).toBe(false);
});

it("accepts its own examples", () => {
  for (const [path, field] of Object.entries(fields))
    for (const example of (field.meta()?.examples ?? []) as unknown[])
      expect(field.safeParse(example).success, `${path}: ${example}`).toBe(true);
});

it.each([
  "example.yaml",
  "example-forward.yaml",
  "example-linux.yaml",
  "example-relay.yaml",
  "lab.yaml",
  "lab-linux.yaml",
])("%s names the schema for editors", (file) => {
  expect(readFileSync(new URL(file, inventory), "utf8")).toMatch(
    /^# yaml-language-server: \$schema=\.\/site\.schema\.json\n/,
  );
});
