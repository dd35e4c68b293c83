import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { InventoryError } from "../../src/core/errors.js";
import { parseSite } from "../../src/inventory/load.js";

/** Each folder: `site.yaml`, and in `error.txt` all that ds4 says about it. */
const folder = new URL("inventory/", import.meta.url);
const cases = readdirSync(folder);

function errorOf(text: string): unknown {
  try {
    return parseSite(text, "site.yaml");
  } catch (error) {
    return error;
  }
}

describe("a wrong inventory is refused with place, reason and what to write", () => {
  it.each(cases)("%s", async (name) => {
    const error = errorOf(readFileSync(new URL(`${name}/site.yaml`, folder), "utf8"));
    expect(error).toBeInstanceOf(InventoryError);
    await expect(`${(error as InventoryError).message}\n`).toMatchFileSnapshot(`inventory/${name}/error.txt`);
  });

  it("has every case that was thought of", () => expect(cases.length).toBeGreaterThanOrEqual(70));
});
