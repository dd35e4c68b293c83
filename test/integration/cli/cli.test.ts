import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { resultSchema } from "../../../src/report/result.js";
import { compileCli, type Ended, runCli } from "./run-cli.js";

const { version } = JSON.parse(readFileSync(new URL("../../../package.json", import.meta.url), "utf8"));
const folder = mkdtempSync(join(tmpdir(), "ds4-cli-"));
let compiled = "";
let cli = "";
afterAll(() => {
  for (const path of [folder, compiled]) rmSync(path, { recursive: true, force: true });
});

beforeAll(async () => {
  compiled = compileCli();
  cli = join(compiled, "dist", "cli.js");
  mkdirSync(join(folder, "inventory"));
  const write = (name: string, text: string) =>
    writeFileSync(join(folder, "inventory", `${name}.yaml`), text);
  write(
    "bad",
    "vps:\n  ssh: root@203.0.113.144\nrouter:\n  ssh: root@192.168.1.1\nserver: 300.1.2.3\ntunel: {}\n",
  );
  // Ports on which nobody answers, so that a connection is refused at once.
  const [a, b] = [await freePort(), await freePort()];
  write(
    "closed",
    `vps: { ssh: "ssh://root@127.0.0.1:${a}" }\nrouter: { ssh: "ssh://root@127.0.0.1:${b}" }\nserver: 192.168.1.210\n`,
  );
});

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}

const ds4 = (...args: readonly string[]): Promise<Ended> => runCli(cli, folder, args);

/** The one object on standard output, checked against the schema. */
function result({ stdout, code }: Ended) {
  const value = resultSchema.parse(JSON.parse(stdout));
  expect(value.exitCode).toBe(code);
  return value;
}

// Most of the time is node starting: all at once.
describe.concurrent("ds4", () => {
  it("--help names every command, on standard output", async ({ expect }) => {
    const { stdout, stderr, code } = await ds4("--help");
    expect({ stderr, code }).toEqual({ stderr: "", code: 0 });
    for (const command of ["apply", "status", "plan", "teardown"]) {
      expect(stdout).toMatch(new RegExp(`^  ${command} `, "m"));
    }
    expect(stdout).toContain("Exit status: 0");
  });

  it("apply --help names its options", async ({ expect }) => {
    const { stdout, code } = await ds4("apply", "--help");
    expect(code).toBe(0);
    for (const option of ["--yes", "--json", "--inventory", "--ssh-config", "--accept-new-host-key"]) {
      expect(stdout).toContain(option);
    }
  });

  it("--version is the package's", async ({ expect }) => {
    expect(await ds4("--version")).toEqual({ stdout: `${version}\n`, stderr: "", code: 0 });
  });

  it("without a command shows what there is, and fails", async ({ expect }) => {
    const { stdout, stderr, code } = await ds4();
    expect({ stdout, code }).toEqual({ stdout: "", code: 1 });
    expect(stderr).toContain("Usage: ds4");
  });

  it.each([
    [["aply"], "unknown command 'aply'"],
    [["status", "--jsn"], "unknown option '--jsn'"],
    [["status", "bad", "more"], "too many arguments"],
    [["plan", "--yes"], "unknown option '--yes'"],
  ])("%j is refused with the reason, on standard error", async (args, reason) => {
    const { stdout, stderr, code } = await ds4(...args);
    expect({ stdout, code }).toEqual({ stdout: "", code: 1 });
    expect(stderr).toContain(reason);
    expect(stderr).toContain("--help");
  });

  it("says where an inventory is wrong, all of it, and prints no result", async ({ expect }) => {
    const { stdout, stderr, code } = await ds4("apply", "bad", "--yes");
    expect({ stdout, code }).toEqual({ stdout: "", code: 1 });
    expect(stderr).toMatch(/^error: inventory\/bad\.yaml:5:9: server: .*300\.1\.2\.3/m);
    expect(stderr).toMatch(/^error: inventory\/bad\.yaml:6:1: .*"tunel"\n {2}→ Did you mean tunnel\?/m);
    expect(stderr).not.toContain("    at ");
  });

  it("says the same as JSON, on standard output", async ({ expect }) => {
    const ended = await ds4("status", "bad", "--json");
    expect(ended).toMatchObject({ stderr: "", code: 1 });
    const { errors, ...rest } = result(ended);
    expect(rest).toEqual({
      version: 1,
      command: "status",
      result: "failed",
      exitCode: 1,
      changes: [],
      notes: [],
    });
    expect(errors.map(({ file, line, column }) => [file, line, column])).toEqual([
      ["inventory/bad.yaml", 5, 9],
      ["inventory/bad.yaml", 6, 1],
    ]);
  });

  it("names the sites there are, where none or an unknown one is named", async ({ expect }) => {
    const none = await ds4("status");
    expect(none).toMatchObject({ stdout: "", code: 1 });
    expect(none.stderr).toMatch(/2 sites in inventory.*\n.*bad, closed/);
    expect((await ds4("status", "closd")).stderr).toContain("Did you mean closed?");
    expect((await ds4("status", "-i", "nowhere")).stderr).toContain("no site of yours in nowhere");
  });

  it("names both hosts that don't answer, and tells its progress line by line", async ({ expect }) => {
    const { stdout, stderr, code } = await ds4("status", "closed");
    expect({ stdout, code }).toEqual({ stdout: "", code: 1 });
    expect(stderr).toMatch(/^vps: connecting$/m);
    expect(stderr).toMatch(/^router: connecting$/m);
    expect(stderr.match(/^error: /gm)).toHaveLength(2);
    expect(stderr).not.toContain("\u001b[");
  });

  it("says the same as JSON, with the site's name and without progress", async ({ expect }) => {
    const ended = await ds4("plan", "closed", "--json");
    expect(ended.stderr).toBe("");
    const { site, result: outcome, errors } = result(ended);
    expect({ site, outcome }).toEqual({ site: "closed", outcome: "failed" });
    expect(errors).toHaveLength(2);
    for (const { hint } of errors) expect(hint).toBeTruthy();
  });

  it.each([
    [{}, false],
    [{ FORCE_COLOR: "1" }, true],
    [{ NO_COLOR: "1" }, false],
  ])("with %j colours: %s", async (env, coloured) => {
    const { stderr } = await runCli(cli, folder, ["status", "bad"], env);
    expect(stderr.includes("\u001b[")).toBe(coloured);
  });
});
