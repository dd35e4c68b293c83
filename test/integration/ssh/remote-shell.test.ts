import type { ServerChannel } from "ssh2";
import { describe, expect, it } from "vitest";
import { ConnectError, HostError } from "../../../src/core/errors.js";
import type { Shell } from "../../../src/core/shell.js";
import { connect } from "../../../src/ssh/connect.js";
import { makeHome, type ServerOptions, startServer } from "./test-server.js";

async function open(options: ServerOptions = {}, user = "root", expectedRuns?: number) {
  const server = await startServer(options);
  const home = makeHome(
    `Host vps\n  HostName 127.0.0.1\n  User ${user}\n  Port ${server.port}\n  StrictHostKeyChecking no\n`,
  );
  return {
    server,
    shell: await connect("vps", { ...home.options, ...(expectedRuns !== undefined && { expectedRuns }) }),
  };
}

async function failure(shell: Shell, ...args: Parameters<Shell["run"]>): Promise<ConnectError> {
  const error = await shell.run(...args).then(
    () => undefined,
    (reason) => reason,
  );
  expect(error).toBeInstanceOf(ConnectError);
  return error as ConnectError;
}

/** A server whose shell only does what it is told here. */
const scripted = (play: (channel: ServerChannel) => void): ServerOptions => ({
  onExec: (_command, accept) => play(accept()),
});

describe("a remote shell", () => {
  it("runs a script and tells its output, errors and exit status", async () => {
    const { shell, server } = await open();
    expect(shell.label).toBe("vps");
    expect(await shell.run("echo out; echo err >&2; exit 3")).toEqual({
      stdout: "out\n",
      stderr: "err\n",
      code: 3,
    });
    expect(server.commands).toEqual(["sh -s"]);
    await shell.close();
  });

  it("takes a script of any size by standard input", async () => {
    const { shell } = await open();
    const script = `${"# a comment that makes it long\n".repeat(20_000)}echo end\n`;
    expect((await shell.run(script)).stdout).toBe("end\n");
    await shell.close();
  });

  it("runs several scripts at once over one connection", async () => {
    const { shell, server } = await open();
    const results = await Promise.all(
      Array.from({ length: 9 }, (_, index) => shell.run(`sleep 0.1; echo ${index}`)),
    );
    expect(results.map(({ stdout }) => stdout)).toEqual(
      Array.from({ length: 9 }, (_, index) => `${index}\n`),
    );
    expect(server.connections).toHaveLength(1);
    await shell.close();
  });

  it("hands out each complete line as it comes", async () => {
    const { shell } = await open();
    const lines: [string, number][] = [];
    const started = Date.now();
    const { stdout } = await shell.run(
      "printf 'a\\nb'; sleep 0.3; printf 'c\\n\\303'; sleep 0.1; printf '\\244\\nrest'",
      {
        onLine: (line) => lines.push([line, Date.now() - started]),
      },
    );
    expect(lines.map(([line]) => line)).toEqual(["a", "bc", "ä"]);
    expect(lines[1]![1] - lines[0]![1]).toBeGreaterThan(150);
    expect(stdout).toBe("a\nbc\nä\nrest");
    await shell.close();
  });

  it("opens the shells that will be needed together, and more when they are", async () => {
    const { shell, server } = await open({}, "root", 3);
    for (let run = 1; run <= 4; run++) {
      expect((await shell.run(`echo ${run}`)).stdout).toBe(`${run}\n`);
      expect(server.commands).toHaveLength(run <= 3 ? 3 : 4);
    }
    await shell.close();
  });

  it("does without a ready shell that ended or was refused, and asks for another one", async () => {
    let opened = 0;
    const { shell } = await open(
      {
        onExec: (_command, accept, reject) => {
          const number = ++opened;
          if (number === 3 || number === 5) return reject();
          const channel = accept();
          const end = () => {
            channel.write(`shell ${number}\n`);
            channel.exit(0);
            channel.end();
          };
          if (number === 2) end();
          else channel.on("data", end);
        },
      },
      "root",
      3,
    );
    const outputs: string[] = [];
    for (let run = 0; run < 3; run++) {
      outputs.push((await shell.run("true")).stdout);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    // Of the first three, the second ended by itself and the third was refused; of the later ones the fifth was.
    expect(outputs).toEqual(["shell 1\n", "shell 4\n", "shell 6\n"]);
    await shell.close();
  });

  it("becomes root by sudo, and keeps SSH_CONNECTION", async () => {
    const { shell, server } = await open({}, "admin");
    await shell.run("true");
    expect(server.commands).toEqual(['sudo -n env SSH_CONNECTION="$SSH_CONNECTION" sh -s']);
    await shell.close();
  });

  it("says so when sudo wants a password", async () => {
    const play = (channel: ServerChannel) => {
      channel.stderr.write("sudo: a password is required\n");
      channel.exit(1);
      channel.end();
    };
    const { shell } = await open(scripted(play), "admin");
    const error = await shell.run("true").catch((reason) => reason);
    expect(error).toBeInstanceOf(HostError);
    expect(error.message).toBe("admin on vps can't become root: sudo: a password is required");
    expect(error.hint).toContain("NOPASSWD");
    await shell.close();
  });

  it("tells a signal as a shell does", async () => {
    const { shell } = await open();
    expect((await shell.run("kill -KILL $$")).code).toBe(137);
    await shell.close();
  });

  it("ends a script that takes too long, and runs the next one", async () => {
    const { shell } = await open();
    const error = await failure(shell, "sleep 5", { timeoutMs: 100 });
    expect(error).toMatchObject({ kind: "timeout", message: "a script on vps didn't end within 0.1 s" });
    expect((await shell.run("echo next")).stdout).toBe("next\n");
    await shell.close();
  });

  it("ends a script that never stops talking, on either stream", async () => {
    const { shell } = await open();
    expect(await failure(shell, "yes", { maxBytes: 100_000 })).toMatchObject({
      kind: "protocol",
      message: "vps sends more than 100000 bytes",
    });
    expect(await failure(shell, "yes >&2")).toMatchObject({ kind: "protocol" });
    expect((await shell.run("printf %100000d 0", { maxBytes: 100_000 })).stdout).toHaveLength(100_000);
    expect((await shell.run("echo next")).stdout).toBe("next\n");
    await shell.close();
  });

  it("doesn't wait for what is left in the background", async () => {
    const play = (channel: ServerChannel) => {
      channel.once("data", () => {
        channel.write("done\n");
        channel.exit(0); // and never closes: something still holds the output
      });
    };
    const { shell } = await open(scripted(play));
    expect(await shell.run("sleep 999 & echo done")).toEqual({ stdout: "done\n", stderr: "", code: 0 });
    await shell.close();
  });

  it("takes an end without an exit status for a failure", async () => {
    const { shell } = await open(scripted((channel) => channel.end()));
    expect(await failure(shell, "true")).toMatchObject({
      kind: "protocol",
      message: "a script on vps ended without an exit status",
    });
    await shell.close();
  });

  it("says when no shell is started", async () => {
    const { shell } = await open({ onExec: (_command, _accept, reject) => reject() });
    const error = await failure(shell, "true");
    expect(error).toMatchObject({ kind: "protocol", host: "vps" });
    expect(error.message).toContain("vps starts no shell");
    await shell.close();
  });

  it("fails all that is running when the connection is lost, and what comes after", async () => {
    const { shell, server } = await open();
    const running = [failure(shell, "sleep 5"), failure(shell, "sleep 6")];
    await shell.run("true");
    server.connections[0]!.end();
    for (const error of await Promise.all(running)) {
      expect(error).toMatchObject({ kind: "unreachable", host: "vps" });
      expect(error.hint).toContain("ds4 status");
    }
    expect(await failure(shell, "true")).toMatchObject({ kind: "unreachable" });
  });

  it("runs nothing after it was closed", async () => {
    const { shell } = await open();
    await shell.close();
    await shell.close();
    expect((await failure(shell, "true")).message).toContain("is closed");
  });

  it("passes on what onLine throws", async () => {
    const { shell } = await open();
    const bug = new TypeError("a bug");
    const onLine = () => {
      throw bug;
    };
    await expect(shell.run("echo x", { onLine })).rejects.toBe(bug);
    expect((await shell.run("echo next")).stdout).toBe("next\n");
    await shell.close();
  });
});
