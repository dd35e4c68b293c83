import { randomBytes } from "node:crypto";
import { createServer, type Socket } from "node:net";
import type { ServerChannel } from "ssh2";
import { describe, expect, it, onTestFinished } from "vitest";
import { readHosts } from "../../../src/converge/read.js";
import { Ds4Error } from "../../../src/core/errors.js";
import type { RunOptions, Shell } from "../../../src/core/shell.js";
import { parseSite } from "../../../src/inventory/load.js";
import { connect } from "../../../src/ssh/connect.js";
import { recordedShell } from "../../cases/recorded-shell.js";
import { makeHome, startServer } from "./test-server.js";

const config = (port: number) =>
  `Host vps\n  HostName 127.0.0.1\n  User root\n  Port ${port}\n  StrictHostKeyChecking no\n`;

/** What `work` fails with. It takes neither long nor much memory. */
async function failure(work: () => Promise<unknown>): Promise<Ds4Error> {
  const [before, begin] = [process.memoryUsage().rss, Date.now()];
  const error = await work().then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(Ds4Error);
  expect(Date.now() - begin).toBeLessThan(8000);
  expect(process.memoryUsage().rss - before).toBeLessThan(256 << 20);
  return error as Ds4Error;
}

/** Writes `piece` for as long as somebody takes it. */
function pour(stream: Socket | ServerChannel, piece: Buffer): void {
  stream.on("error", () => {});
  const more = () => {
    while (!stream.destroyed && stream.writable && stream.write(piece));
  };
  stream.on("drain", more);
  more();
}

describe("a host that answers the connection with", () => {
  it.each([
    ["endless lines", Buffer.from("hello, who are you?\r\n".repeat(3000))],
    ["an endless line", Buffer.alloc(64 << 10, "x")],
    ["endless noise", randomBytes(64 << 10)],
    ["a greeting and endless noise", Buffer.concat([Buffer.from("SSH-2.0-x\r\n"), randomBytes(64 << 10)])],
  ])("%s is left", async (_, piece) => {
    const server = createServer((socket) => pour(socket, piece));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void server.close());
    const { port } = server.address() as { port: number };
    const { options } = makeHome(config(port), { connectTimeoutMs: 1500 });
    expect((await failure(() => connect("vps", options))).message).toContain("vps");
  });
});

describe("a host that answers the reading with", () => {
  const site = parseSite("vps: { ssh: v }\nrouter: { ssh: r }\nserver: 192.168.1.210\n", "lab.yaml");

  it.each<[string, string, (channel: ServerChannel) => void]>([
    ["silence", "didn't end within", () => {}],
    [
      "silence after a part",
      "didn't end within",
      (channel) => channel.write("@@0123456789ab host\nos=debian 12\n"),
    ],
    ["one endless line", "sends more than", (channel) => pour(channel, Buffer.alloc(64 << 10, "x"))],
    ["endless lines", "sends more than", (channel) => pour(channel, Buffer.from("x\n".repeat(32 << 10)))],
    [
      "endless errors",
      "sends more than",
      (channel) => pour(channel.stderr as never, Buffer.alloc(64 << 10, "x")),
    ],
    [
      "noise and an exit status",
      "the host's answer ends before the part 'host'",
      (channel) => {
        channel.write(randomBytes(100_000));
        channel.exit(0);
        channel.end();
      },
    ],
    [
      "noise and an end",
      "without an exit status",
      (channel) => {
        channel.end(randomBytes(100_000));
      },
    ],
  ])("%s is an error that says so", async (_, message, play) => {
    const { port } = await startServer({
      onExec: (_command, accept) => play(accept()),
    });
    const { options } = makeHome(config(port));
    const connected = await connect("vps", options);
    // As it is, but with smaller bounds than two minutes and 4 MiB.
    const vps: Shell = {
      label: "vps",
      run: (script, more: RunOptions = {}) =>
        connected.run(script, {
          onLine: () => {},
          ...more,
          timeoutMs: message === "sends more than" ? 5000 : 700,
          maxBytes: 1 << 20,
        }),
      close: () => connected.close(),
    };
    const error = await failure(() => readHosts(site, { vps, router: recordedShell("fresh", "router") }));
    expect(error.message).toContain(message);
    await connected.close();
  });

  it("no shell at all is waited for only so long", async () => {
    const { port } = await startServer({ onExec: () => {} });
    const { options } = makeHome(config(port));
    const shell = await connect("vps", options);
    expect((await failure(() => shell.run("true", { timeoutMs: 300 }))).message).toContain(
      "didn't end within 0.3 s",
    );
    await shell.close();
  });
});
