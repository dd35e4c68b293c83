import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { leastLeft } from "../../../src/core/lock.js";
import { resultSchema } from "../../../src/report/result.js";
import type { Kind } from "../../unit/transaction/fake-host.js";
import { startServer } from "../ssh/test-server.js";
import { compileCli, type Ended, runCli } from "./run-cli.js";
import { serveSite } from "./serve-site.js";

const { version, engines } = JSON.parse(
  readFileSync(new URL("../../../package.json", import.meta.url), "utf8"),
);
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

/** Has Node run this before ds4. */
function preload(name: string, script: string) {
  const file = join(folder, `${name}.cjs`);
  writeFileSync(file, script);
  return { env: { NODE_OPTIONS: `--require ${file}` } };
}

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
    const text = stdout.replaceAll(/\s+/g, " ");
    expect(text).toContain("10 to 3600 (default: 60, or 240 where packages have to be installed)");
    expect(text).toContain("name of the site, or its file");
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
    [["plan", "--yes"], "(ds4 plan --help shows what there is)"],
  ])("%j is refused with the reason, on standard error", async (args, reason) => {
    const { stdout, stderr, code } = await ds4(...args);
    expect({ stdout, code }).toEqual({ stdout: "", code: 1 });
    expect(stderr).toContain(reason);
    expect(stderr).toContain("--help");
  });

  it.each([
    [["plan", "--bogus", "--json"], "plan", "unknown option '--bogus'"],
    [["apply", "--json", "--confirm-within", "5"], "apply", "It takes whole seconds, from 10 to 3600."],
    [["status", "bad", "more", "--json"], "status", "too many arguments"],
    [["aply", "--json"], undefined, "unknown command 'aply'"],
    [["bench", "closed", "--json", "--samples", "/nonexistent/x.json"], "bench", "/nonexistent/x.json"],
    [["bench", "closed", "--json", "--samples", "inventory"], "bench", "EISDIR"],
  ])("%j is refused with one object, and nothing else", async (args, command, reason) => {
    const ended = await ds4(...args);
    expect(ended).toMatchObject({ stderr: "", code: 1 });
    const refused = result(ended);
    expect(refused).toMatchObject({ result: "failed", errors: [{ hint: expect.any(String) }] });
    expect(refused.command).toBe(command);
    expect(refused.errors[0]?.message).toContain(reason);
  });

  it("--json says also what is ds4's own fault, beside the stack", async ({ expect }) => {
    const { env } = preload(
      "fault",
      "JSON.stringify = ((real) => (v, ...a) => { if (v?.site) throw new TypeError('oops'); return real(v, ...a); })(JSON.stringify);",
    );
    const ended = await runCli(cli, folder, ["status", "closed", "--json"], env);
    expect(result(ended).errors).toEqual([{ message: "ds4 itself is at fault: oops" }]);
    expect(ended.stderr).toContain("    at ");
  });

  it("a Node.js that is too old is named in one line, before anything else", async ({ expect }) => {
    const { env } = preload(
      "old",
      "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: process.env.DS4_NODE } });",
    );
    const status = (node: string) => runCli(cli, folder, ["status", "bad"], { ...env, DS4_NODE: node });
    for (const node of ["20.16.0", "21.7.3", "22.12.0"]) {
      expect(await status(node)).toEqual({
        stdout: "",
        stderr: `error: ds4 needs Node.js ${engines.node}, and this is ${node}\n`,
        code: 1,
      });
    }
    for (const node of ["20.17.0", "24.0.0"]) {
      expect((await status(node)).stderr).toContain("bad.yaml");
    }
  });

  it("does without a passwd entry, and without HOME", async ({ expect }) => {
    const { env } = preload(
      "nobody",
      `const os = require("node:os");
os.userInfo = os.homedir = () => { throw new Error("A system error occurred"); };
require("node:module").syncBuiltinESMExports();`,
    );
    const { stderr } = await runCli(cli, folder, ["status", "closed"], env);
    expect(stderr.match(/^error: .* refuses the connection$/gm)).toHaveLength(2);
  });

  it("a mistake with -F is said once, and `-F none` is none", async ({ expect }) => {
    const { stderr } = await ds4("status", "closed", "-F", "missing");
    expect(stderr.match(/^error: .*\n {2}→ .*-F none/gm)).toHaveLength(1);
    expect((await ds4("status", "closed", "-F", "none")).stderr).toContain("refuses the connection");
  });

  it("says where an inventory is wrong, all of it, and prints no result", async ({ expect }) => {
    const { stdout, stderr, code } = await ds4("apply", "bad", "--yes");
    expect({ stdout, code }).toEqual({ stdout: "", code: 1 });
    expect(stderr).toMatch(/^error: inventory\/bad\.yaml:5:9: server: .*300\.1\.2\.3/m);
    expect(stderr).toMatch(/^error: inventory\/bad\.yaml:6:1: .*"tunel"\n {2}→ Did you mean tunnel\?/m);
    expect(stderr).not.toContain("    at ");
  });

  it("opens no connection to the hosts of a wrong inventory", async ({ expect }) => {
    let connections = 0;
    const host = createServer((socket) => {
      connections++;
      socket.destroy();
    });
    await new Promise<void>((resolve) => host.listen(0, "127.0.0.1", resolve));
    const { port } = host.address() as AddressInfo;
    const ssh = `ssh: "ssh://root@127.0.0.1:${port}"`;
    mkdirSync(join(folder, "listening"));
    const write = (name: string, server: string) =>
      writeFileSync(
        join(folder, "listening", `${name}.yaml`),
        `vps: { ${ssh} }\nrouter: { ssh: "ssh://root@localhost:${port}" }\nserver: ${server}\n`,
      );
    write("right", "192.168.1.210");
    write("wrong", "224.0.0.1");
    for (const command of ["apply", "status", "plan", "teardown", "bench"]) {
      const { code, stderr } = await ds4(command, "wrong", "-i", "listening");
      expect({ code, stderr }).toMatchObject({
        code: 1,
        stderr: expect.stringContaining(".yaml:3:9: server:"),
      });
      expect(connections).toBe(0);
    }
    // With a right one, it does.
    await ds4("status", "right", "-i", "listening");
    expect(connections).toBeGreaterThan(0);
    host.close();
  });

  it("explains each command and option in README.md, too", async ({ expect }) => {
    const readme = readFileSync(new URL("../../../README.md", import.meta.url), "utf8");
    const { stdout } = await ds4("--help");
    const commands = [...stdout.matchAll(/^ {2}([a-z]+) \[options\]/gm)].map(([, name = ""]) => name);
    expect(commands).toContain("apply");
    for (const command of commands) {
      expect(readme).toContain(`| \`ds4 ${command} [site]\``);
      const help = (await ds4(command, "--help")).stdout;
      const options = [...help.matchAll(/^ {2}(?:-\w, )?(--[\w-]+)/gm)].map(([, option]) => option);
      expect(options).toContain("--json");
      for (const option of options.filter((one) => one !== "--help")) {
        expect(readme, command).toMatch(new RegExp(`\`[^\`]*${option}\\b`));
      }
    }
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

describe.skipIf(spawnSync("script", ["--version"]).status !== 0)("on a terminal, ds4", () => {
  /** What a command line with `ds4` in it shows there. */
  const shown = (line: string) => {
    const command = line.replace("ds4", `'${process.execPath}' '${cli}'`);
    const env = { PATH: process.env.PATH ?? "", HOME: folder, TERM: "xterm" };
    return spawnSync("script", ["-qec", command, "/dev/null"], { cwd: folder, env, encoding: "utf8" }).stdout;
  };
  const escapes = "\u001b[";

  it("colours, but not with NO_COLOR", () => {
    expect(shown("ds4 status bad")).toContain(escapes);
    expect(shown("NO_COLOR= ds4 status bad")).toContain(escapes);
    expect(shown("NO_COLOR=1 ds4 status bad")).not.toContain(escapes);
  });

  it("colours what goes to standard error as standard error is, not as standard output", () => {
    shown("ds4 status bad 2>err.txt");
    expect(readFileSync(join(folder, "err.txt"), "utf8")).toMatch(/^error: /);
    expect(shown("ds4 status bad | cat")).toContain(escapes);
  });
});

describe("by the home server as a jump host, whose way out a change would move, ds4", () => {
  it.each(["plan", "apply", "teardown"])("%s is refused before anything is written", async (command) => {
    const { hosts, servers, args } = await serveSite(folder, command === "teardown" ? "in-sync" : "fresh");
    const ports = servers.map(({ port }) => port);
    const jump = await startServer({ forwardTo: "127.0.0.1" });
    const config = join(folder, "jump_config");
    // The server's own address is behind a door, as nobody has it here.
    writeFileSync(
      config,
      `Host door\n  HostName 127.0.0.1\n  Port ${jump.port}\n  User root
Host server\n  HostName 192.168.1.210\n  Port ${jump.port}\n  User root\n  ProxyJump door
Host vps\n  HostName 203.0.113.144\n  Port ${ports[0]}\n  User root\n  ProxyJump server\n`,
    );
    const [site = "", ...more] = args;
    writeFileSync(
      site,
      `vps: { ssh: vps }\nrouter: { ssh: "ssh://root@127.0.0.1:${ports[1]}" }\nserver: 192.168.1.210\n`,
    );
    const yes = command === "plan" ? [] : ["--yes"];
    const { stderr, code } = await ds4(command, site, ...more, ...yes, "-F", config);
    expect(stderr).toMatch(
      /error: vps: ds4's own SSH connection leaves 192\.168\.1\.210 for 203\.0\.113\.144/,
    );
    expect(stderr).toContain("reach 203.0.113.144 by its IPv6 address (2001:db8:1::10)");
    expect(code).toBe(1);
    for (const { ran } of hosts) expect(ran).not.toContain<Kind>("arm");
  });
});

describe("when nobody reads along any more, ds4", () => {
  it("takes a change back all the same", async () => {
    const closing: { now?: () => void } = {};
    const arm = () => {
      closing.now?.();
      return {};
    };
    const { hosts, args } = await serveSite(folder, "fresh", { arm, change: () => ({ code: 1 }) });
    const child = spawn(process.execPath, [cli, "apply", ...args, "--yes"], {
      cwd: folder,
      env: { PATH: process.env.PATH ?? "", HOME: folder },
    });
    let said = "";
    child.stderr.on("data", (data: Buffer) => {
      said += data;
    });
    closing.now = () => {
      for (const stream of [child.stdout, child.stderr]) stream.destroy();
    };
    const code = await new Promise((resolve) => child.on("exit", resolve));
    expect(said).toContain("arming");
    expect(code).toBe(1);
    for (const { ran } of hosts) expect(ran).toContain<Kind>("undo");
  });

  it("ends as it would have", async () => {
    const child = spawn(process.execPath, [cli, "status", "closed", "--json"], {
      cwd: folder,
      env: { PATH: process.env.PATH ?? "", HOME: folder },
    });
    child.stdout.destroy();
    let said = "";
    child.stderr.on("data", (data: Buffer) => {
      said += data;
    });
    const code = await new Promise((resolve) => child.on("close", resolve));
    expect({ said, code }).toEqual({ said: "", code: 1 });
  });
});

describe("the locks that a run has taken are given back", () => {
  const lockOf = (text: string) => (_: string, stdout: string, host: string) =>
    host === "router" ? stdout.replace(/^taken$/m, text) : stdout;

  it("where the next one is somebody else's", async () => {
    const held = "held\nby=other@desk\nsince=2026-01-01T10:00:00Z\nleft=42";
    const { releases, args } = await serveSite(folder, "fresh", {}, lockOf(held));
    const { stderr, code } = await ds4("apply", ...args, "--yes");
    expect(stderr).toContain("other@desk is changing this site since 2026-01-01T10:00:00Z");
    expect(code).toBe(1);
    expect(releases()).toBe(2);
  });

  it("where the next host's answer makes no sense", async () => {
    const { releases, args } = await serveSite(folder, "fresh", {}, lockOf("?"));
    expect((await ds4("apply", ...args, "--yes")).code).toBe(1);
    expect(releases()).toBe(2);
  });

  it("with Ctrl-C while the hosts are read", async () => {
    const run: { child?: ChildProcess } = {};
    const { releases, args } = await serveSite(folder, "fresh", {}, (script, stdout, host) => {
      if (host !== "router" || !script.includes("ubus")) return stdout;
      run.child?.kill("SIGINT");
      return new Promise(() => {});
    });
    run.child = spawn(process.execPath, [cli, "apply", ...args, "--yes"], {
      cwd: folder,
      stdio: "ignore",
      env: { PATH: process.env.PATH ?? "", HOME: folder },
    });
    expect(await new Promise((resolve) => run.child?.on("close", resolve))).toBe(130);
    expect(releases()).toBe(2);
  });
});

it("with a second Ctrl-C while the switches are armed, says how long they have", async () => {
  const never = new Promise<string>(() => {});
  const run: { child?: ChildProcess } = {};
  let arming = false;
  const { args } = await serveSite(folder, "fresh", {}, (script, stdout) => {
    if (script.includes("/etc/ds4-undo/new") && !arming) {
      arming = true;
      run.child?.kill("SIGINT");
    }
    return arming ? never : stdout;
  });
  run.child = spawn(process.execPath, [cli, "apply", ...args, "--yes", "--confirm-within", "100"], {
    stdio: ["ignore", "ignore", "pipe"],
    env: { PATH: process.env.PATH ?? "", HOME: folder },
  });
  let said = "";
  run.child.stderr?.on("data", (data: Buffer) => {
    said += data;
    if (String(data).includes("stopping:")) run.child?.kill("SIGINT");
  });
  expect(await new Promise((resolve) => run.child?.on("close", resolve))).toBe(130);
  expect(said).toMatch(/left alone: whatever is not back yet goes back by itself in (100|[5-9]\d) s/);
});

const armed = (run: string) =>
  `run=${run}\ncommand=apply\nhosts=vps,router\nby=me@laptop\nsince=now\nuntil=1100\nuptime=1000`;
const withSwitch = (stdout: string, run: string) => stdout.replace(/(@@\w+ switch\n)/, `$1${armed(run)}\n`);

it("a switch whose undo failed is off once everything is back all the same", async () => {
  const undo = () => ({ code: 1, stderr: "busy" });
  let run = "";
  const { hosts, args } = await serveSite(
    folder,
    "fresh",
    { change: () => ({ code: 1 }), undo },
    (script, stdout, host) => {
      run ||= /^# of run (\w+)$/m.exec(script)?.[1] ?? "";
      return run === "" || host === "router" ? stdout : withSwitch(stdout, run);
    },
  );
  const { stderr, code } = await ds4("apply", ...args, "--yes");
  expect(code).toBe(1);
  expect(stderr).toContain("The undo on the VPS failed: busy");
  expect(stderr).toContain("Both hosts are back where they were.");
  expect(hosts.map(({ ran }) => ran.at(-1))).toEqual<Kind[]>(["confirm", "read"]);
});

describe("ds4 confirm", () => {
  const unconfirmed = (script: string, stdout: string) =>
    script.includes('echo "left=') ? "" : withSwitch(stdout, "0123abcd");

  it("says which host keeps the change where the other one has gone back", async () => {
    const behaviour = (host: string) => ({ confirm: () => ({ code: host === "router" ? 3 : 0 }) });
    const { args } = await serveSite(folder, "in-sync", behaviour, unconfirmed);
    const { stderr, code } = await ds4("confirm", ...args);
    expect(code).toBe(1);
    expect(stderr).toMatch(/the router went back before this was confirmed/);
    expect(stderr).toContain("Confirmed, the VPS keeps the change.");
    expect(stderr).toContain("'ds4 apply lab' makes the site whole again");
  });

  it("says that nothing is confirmed where the proof breaks off", async () => {
    let reads = 0;
    const { args } = await serveSite(folder, "in-sync", {}, (script, stdout, host) =>
      host === "router" && script.includes("ubus") && ++reads > 1 ? "" : unconfirmed(script, stdout),
    );
    const { stderr, code } = await ds4("confirm", ...args);
    expect(code).toBe(1);
    expect(stderr).toMatch(/the host's answer ends before/);
    expect(stderr).toContain("It is not confirmed: both hosts go back by themselves.");
  });
});

it("ds4 plan doesn't say that nothing is to do where a change waits to be confirmed", async () => {
  const { args } = await serveSite(folder, "in-sync", {}, (_, stdout) => withSwitch(stdout, "0123abcd"));
  const { stdout, stderr, code } = await ds4("plan", ...args);
  expect({ stdout, code }).toEqual({ stdout: "", code: 1 });
  expect(stderr).toMatch(/by me@laptop .* is not confirmed on the VPS, which goes back by itself in 100 s/);
});

it("ds4 rollback says that a host which waits no longer may keep its half of the change", async () => {
  let undone = false;
  const { args } = await serveSite(folder, "in-sync", {}, (script, stdout, host) => {
    undone ||= script.includes("/var/run/ds4/undo.log");
    return host === "vps" || undone ? stdout : withSwitch(stdout, "0123abcd");
  });
  const { stdout, code } = await ds4("rollback", ...args);
  expect(code).toBe(0);
  expect(stdout).toContain("router went back to how things were");
  expect(stdout).toMatch(/the VPS had no switch any more: it is as it was before that change, or keeps it/);
});

it("a confirmation has no more time than its run's lock has left of it", async () => {
  let asked = 0;
  const { args } = await serveSite(folder, "in-sync", { confirm: () => ({ code: 3 }) }, (script, stdout) => {
    // 100 s are left, and that run can't be told to be dead for 2 s more.
    if (script.includes('echo "left=')) return asked++ === 0 ? `by=me@laptop\nleft=${leastLeft + 2}\n` : "";
    return withSwitch(stdout, "0123abcd");
  });
  const { stderr } = await ds4("confirm", ...args);
  expect(stderr).toMatch(/the VPS went back before this was confirmed \(after 9[5-8] s/);
});
