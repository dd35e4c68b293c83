import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { findSite, siteFiles } from "../../../src/inventory/find.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ds4-inventory-"));
});
afterEach(() => rmSync(folder, { recursive: true }));
function add(...files: string[]): void {
  for (const file of files) writeFileSync(join(folder, file), "");
}

describe("finding a site", () => {
  it("takes the only one when no name is given", async () => {
    add(
      "home.yaml",
      "example.yaml",
      "example-forward.yaml",
      "example-relay.yaml",
      "lab.yaml",
      "site.schema.json",
      ".hidden.yaml",
      "notes.txt",
    );
    expect(await findSite(folder)).toBe(join(folder, "home.yaml"));
    const names = ["example", "example-forward", "example-relay", "home", "lab"];
    expect([...(await siteFiles(folder)).keys()]).toEqual(names);
  });

  it("asks for a name when there are several", async () => {
    add("home.yaml", "parents.yaml");
    await expect(findSite(folder)).rejects.toMatchObject({ hint: expect.stringContaining("home, parents") });
  });

  it("says how to begin when there is none, also without the folder", async () => {
    add("example.yaml");
    await expect(findSite(folder)).rejects.toMatchObject({ hint: expect.stringContaining("home.yaml") });
    await expect(findSite(join(folder, "missing"))).rejects.toMatchObject({
      hint: expect.stringContaining("inventory/example.yaml"),
    });
  });

  it("takes a name, the shipped ones too, and a file by its path", async () => {
    add("home.yaml", "lab.yaml");
    expect(await findSite(folder, "lab")).toBe(join(folder, "lab.yaml"));
    expect(await findSite("elsewhere", join(folder, "home.yaml"))).toBe(join(folder, "home.yaml"));
    await expect(findSite(folder, "../home.yaml")).rejects.toThrow("there is no inventory file ../home.yaml");
  });

  it("takes a .yml, a file's name without its folder, and not two of one name", async () => {
    add("home.yml");
    expect(await findSite(folder)).toBe(join(folder, "home.yml"));
    expect(await findSite(folder, "home")).toBe(join(folder, "home.yml"));
    expect(await findSite(folder, "home.yml")).toBe(join(folder, "home.yml"));
    add("home.yaml");
    await expect(findSite(folder)).rejects.toThrow("there are two files of the site home: ");
  });

  it("finds another site beside two files of one name", async () => {
    add("home.yml", "home.yaml", "parents.yaml");
    expect(await findSite(folder, "parents")).toBe(join(folder, "parents.yaml"));
    await expect(findSite(folder, "home")).rejects.toThrow("there are two files of the site home: ");
    await expect(findSite(folder)).rejects.toThrow("there are two files of the site home: ");
  });

  it("says what is no file", async () => {
    await expect(findSite("elsewhere", folder.replace(/$/, "/"))).rejects.toThrow("is no file");
  });

  it("proposes the name that was probably meant", async () => {
    add("home.yaml", "parents.yaml");
    await expect(findSite(folder, "parnets")).rejects.toMatchObject({ hint: "Did you mean parents?" });
    await expect(findSite(folder, "zzzzzzz")).rejects.toMatchObject({
      hint: expect.stringContaining("home, parents"),
    });
  });
});
