import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../../..", import.meta.url));
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ds4-package-"));
  await run("npm", ["pack", "--pack-destination", folder], { cwd: root });
  const archive = (await readdir(folder)).find((name) => name.endsWith(".tgz")) ?? "no archive";
  await run(
    "npm",
    ["install", "-g", "--prefix", join(folder, "prefix"), "--prefer-offline", join(folder, archive)],
    {
      cwd: folder,
    },
  );
}, 400_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

/** The installed ds4, in a folder that isn't the repository. */
const ds4 = (...args: string[]) => run(join(folder, "prefix/bin/ds4"), args, { cwd: folder });

test("npm install -g of the package gives a ds4 that knows its version and its commands", async () => {
  const { version } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as { version: string };
  expect((await ds4("--version")).stdout).toBe(`${version}\n`);
  const { stdout } = await ds4("--help");
  for (const command of ["apply", "status", "plan", "teardown"]) expect(stdout).toContain(`  ${command} `);
});

test("the installed ds4 loads all that it needs to connect", async () => {
  const example = join(folder, "prefix/lib/node_modules/ds4/inventory/example.yaml");
  const noConfig = join(folder, "no-such-config");
  // Its ssh_config is missing: that is found out by the last module to be loaded, and before any connection.
  await expect(ds4("status", example, "-F", noConfig)).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringContaining(noConfig),
  });
});

test("the package holds what runs and what is read, and no sources", async () => {
  const installed = await readdir(join(folder, "prefix/lib/node_modules/ds4"));
  expect(installed.filter((name) => name !== "node_modules").sort()).toEqual([
    "LICENSE",
    "README.md",
    "dist",
    "inventory",
    "package.json",
  ]);
});
