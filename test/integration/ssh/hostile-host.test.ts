import { randomBytes } from "node:crypto";
import { createServer, type Socket } from "node:net";
import type { ServerChannel } from "ssh2";
import { describe, expect, it, onTestFinished } from "vitest";
import { aimFor } from "../../../src/converge/plan-site.js";
import { readHosts, withPath } from "../../../src/converge/read.js";
import { Ds4Error } from "../../../src/core/errors.js";
import type { RunOptions, Shell } from "../../../src/core/shell.js";
import { parseSite } from "../../../src/inventory/load.js";
import { connect } from "../../../src/ssh/connect.js";
import { transact } from "../../../src/transaction/transaction.js";
import { recordedShell } from "../../cases/recorded-shell.js";
import { fakeHost } from "../../unit/transaction/fake-host.js";
import { answering, makeHome, startServer } from "./test-server.js";

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
  const greeting = Buffer.from("SSH-2.0-x\r\n");
  it.each<[string, string, (socket: Socket) => void]>([
    ["endless lines", "vps", (socket) => pour(socket, Buffer.from("hello, who are you?\r\n".repeat(3000)))],
    ["an endless line", "vps", (socket) => pour(socket, Buffer.alloc(64 << 10, "x"))],
    ["endless noise", "vps", (socket) => pour(socket, randomBytes(64 << 10))],
    [
      "a greeting and endless noise",
      "vps",
      (socket) => pour(socket, Buffer.concat([greeting, randomBytes(64 << 10)])),
    ],
    ["silence", "doesn't greet as an SSH server does (waited 1.5 s)", () => {}],
    [
      "a greeting and silence",
      "doesn't finish the SSH key exchange (waited 1.5 s)",
      (socket) => socket.write(greeting),
    ],
  ])("%s is left", async (_, message, play) => {
    const server = createServer((socket) => play(socket.on("error", () => {})));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void server.close());
    const { port } = server.address() as { port: number };
    const { options } = makeHome(config(port), { connectTimeoutMs: 1500 });
    expect((await failure(() => connect("vps", options))).message).toContain(message);
  });
});

const site = parseSite("vps: { ssh: v }\nrouter: { ssh: r }\nserver: 192.168.1.210\n", "lab.yaml");

describe("a host that answers the reading with", () => {
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

describe.each([
  ["arming", "arm", "the VPS's dead-man switch could not be armed: "],
  ["the change", "change", "the change on the VPS "],
] as const)("a host that answers %s with", (_, phase, words) => {
  it.each<[string, string, (channel: ServerChannel) => void]>([
    ["silence", "didn't end within", () => {}],
    ["silence after a part", "didn't end within", (channel) => channel.write("@ds4 sysctl x\n")],
    ["one endless line", "sends more than", (channel) => pour(channel, Buffer.alloc(64 << 10, "x"))],
    [
      "endless marks",
      "sends more than",
      (channel) => pour(channel, Buffer.from("@ds4 sysctl x\n".repeat(4 << 10))),
    ],
    [
      "one endless mark",
      "sends more than",
      (channel) => {
        channel.write("@ds4 sysctl ");
        channel.write(`${"x".repeat(1 << 20)}\n`);
        pour(channel, Buffer.alloc(64 << 10, "x"));
      },
    ],
    ["endless errors", "sends more than", (channel) => pour(channel.stderr as never, randomBytes(64 << 10))],
    [
      "noise and an exit status",
      "",
      (channel) => {
        channel.write(randomBytes(100_000));
        channel.stderr.write(randomBytes(1 << 20));
        channel.exit(1);
        channel.end();
      },
    ],
    ["noise and an end", "without an exit status", (channel) => void channel.end(randomBytes(100_000))],
  ])("%s is left, and all go back", async (_, message, play) => {
    const [vps, router] = (["vps", "router"] as const).map((label) => fakeHost(label, ["fresh", "in-sync"]));
    const { port } = await startServer({
      onExec: answering(async (script, channel) => {
        const { stdout, code } = await vps!.run(script);
        if (vps!.ran.at(-1) === phase) return play(channel);
        channel.write(stdout);
        channel.exit(code);
        channel.end();
      }),
    });
    const { options } = makeHome(config(port));
    const shells = { vps: await connect("vps", options), router: router! };
    const before = await withPath(site, shells, await readHosts(site, shells));
    const aim = aimFor(site, before);
    const arming = {
      run: "0123abcd",
      command: "apply",
      hosts: ["vps", "router"],
      by: "me",
      since: "now",
    } as const;
    const nowhere = () => Promise.reject(new Error("nobody connects anew"));
    const error = await failure(() =>
      transact(
        // As long as silence is waited for.
        { site, ...aim, before, arming, confirmWithin: message.startsWith("sends") ? 5 : 1 },
        { shells, reconnect: nowhere, reopen: nowhere },
        {
          item: () => {},
          armed: () => {},
          stop: new AbortController().signal,
          phase: (_, work) => work(),
        },
      ),
    );
    expect(error.message.slice(0, 200)).toContain(words);
    expect(error.message).toContain(message);
    expect(error.message).toContain("Both hosts are back where they were.");
    // To be read by somebody.
    expect(error.message.length).toBeLessThan(10_000);
    expect([vps?.state, router?.state]).toEqual(["fresh", "fresh"]);
    await shells.vps.close();
  });
});
