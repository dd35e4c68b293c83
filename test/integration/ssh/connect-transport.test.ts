import { type AddressInfo, connect as connectTcp, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { ConnectError, Ds4Error } from "../../../src/core/errors.js";
import { connect } from "../../../src/ssh/connect.js";
import { ed25519, HANGING_PORT, makeHome, startServer } from "./test-server.js";

async function listen(onConnection: (socket: Socket) => void, host = "127.0.0.1"): Promise<number> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    onConnection(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, host, () => resolve()));
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return (server.address() as AddressInfo).port;
}

const config = (port: number, more = "") =>
  `Host vps\n  HostName 127.0.0.1\n  Port ${port}\n  StrictHostKeyChecking no\n${more}`;

async function failure(connecting: Promise<unknown>): Promise<ConnectError> {
  const error = await connecting.then(
    () => undefined,
    (reason) => reason,
  );
  expect(error).toBeInstanceOf(ConnectError);
  expect((error as ConnectError).hint).toBeTruthy();
  return error as ConnectError;
}

describe("a host that", () => {
  it("refuses the connection is tried again, then named", async () => {
    let port = 0;
    const closed = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => closed.once("listening", resolve));
    port = (closed.address() as AddressInfo).port;
    await new Promise((resolve) => closed.close(resolve));
    const notices: string[] = [];
    const { options } = makeHome(config(port), { retries: 2, onNotice: (text) => notices.push(text) });
    const error = await failure(connect("vps", options));
    expect(error).toMatchObject({ kind: "unreachable", host: "vps" });
    expect(error.message).toBe(`vps (127.0.0.1 port ${port}) refuses the connection`);
    expect(notices).toEqual(Array(2).fill(`${error.message}; trying again`));
  });

  it("comes back in between is reached", async () => {
    const { port } = await startServer();
    let refused = 0;
    const flaky = await listen((socket) => {
      if (refused++ < 2) return socket.destroy();
      const upstream = connectTcp(port, "127.0.0.1");
      socket.pipe(upstream).pipe(socket);
    });
    const { options } = makeHome(config(flaky), { retries: 2 });
    const shell = await connect("vps", options);
    expect((await shell.run("echo back")).stdout).toBe("back\n");
    await shell.close();
  });

  it("hangs up at once is unreachable", async () => {
    const port = await listen((socket) => socket.end("Exceeded MaxStartups\r\n"));
    const error = await failure(connect("vps", makeHome(config(port)).options));
    expect(error).toMatchObject({ kind: "unreachable" });
    expect(error.message).toContain("ended the connection before it said anything");
  });

  it.each([
    ["resets the connection", (socket: Socket) => socket.resetAndDestroy()],
    ["hangs up", (socket: Socket) => socket.end()],
  ])("%s before the SSH agent has answered is tried again", async (_, leave) => {
    let left = 0;
    const port = await listen((socket) => {
      left++;
      leave(socket);
    });
    const notices: string[] = [];
    const { home, options, surroundings } = makeHome(config(port), {
      retries: 1,
      onNotice: (text) => notices.push(text),
    });
    const agent = createServer((socket) => setTimeout(() => socket.destroy(), 200));
    onTestFinished(() => void agent.close());
    const SSH_AUTH_SOCK = join(home, "agent");
    await new Promise<void>((resolve) => agent.listen(SSH_AUTH_SOCK, resolve));
    const withAgent = { ...options, surroundings: { ...surroundings, environment: { SSH_AUTH_SOCK } } };
    const error = await failure(connect("vps", withAgent));
    expect(error).toMatchObject({ kind: "unreachable", host: "vps" });
    expect(error.message).toContain("ended the connection");
    expect(notices).toEqual([`${error.message}; trying again`]);
    expect(left).toBe(2);
  });

  it("says nothing is waited for only so long", async () => {
    const port = await listen(() => {});
    const { options } = makeHome(config(port), { connectTimeoutMs: 200, retries: 3 });
    const error = await failure(connect("vps", options));
    expect(error).toMatchObject({ kind: "timeout" });
    expect(error.message).toContain("doesn't greet as an SSH server does (waited 0.2 s)");
  });

  it("greets and then says nothing is waited for only so long", async () => {
    const port = await listen((socket) => socket.write("SSH-2.0-Slow\r\n"));
    const { options } = makeHome(config(port), { connectTimeoutMs: 200 });
    expect(await failure(connect("vps", options))).toMatchObject({ kind: "timeout" });
  });

  it("never answers the log-in is waited for only so long", async () => {
    const { port } = await startServer({ authenticate: () => new Promise(() => {}) });
    const { options } = makeHome(config(port), { connectTimeoutMs: 1000, loginTimeoutMs: 300 });
    const error = await failure(connect("vps", options));
    expect(error).toMatchObject({ kind: "timeout" });
    expect(error.message).toContain("doesn't answer to the log-in");
  });

  it.each([
    ["HTTP", "timeout", "HTTP/1.1 400 Bad Request\r\n\r\n".repeat(100)],
    ["SSH 1", "protocol", "SSH-1.5-Old\r\n"],
    ["noise", "protocol", Buffer.from(Array.from({ length: 70_000 }, (_, index) => (index * 7919) % 256))],
    ["noise after the greeting", "protocol", `SSH-2.0-Noise\r\n${"x".repeat(70_000)}`],
  ])("speaks %s is no SSH server", async (_name, kind, bytes) => {
    const port = await listen((socket) => {
      socket.write(bytes);
    });
    const { options } = makeHome(config(port), { connectTimeoutMs: 1500 });
    const error = await failure(connect("vps", options));
    expect(error.kind).toBe(kind);
  });

  it("has no address is named", async () => {
    const { options } = makeHome();
    const error = await failure(connect("root@does-not-exist.invalid", options));
    expect(error).toMatchObject({ kind: "unreachable", host: "root@does-not-exist.invalid" });
    expect(error.message).toContain("has no address");
  });

  it("has an IPv6 address is reached, literally too", async () => {
    const { port } = await startServer({ host: "::1" });
    for (const target of [`[::1]:${port}`, `ssh://root@[::1]:${port}`, "six"]) {
      const { options } = makeHome(`StrictHostKeyChecking no\nHost six\n  HostName ::1\n  Port ${port}\n`);
      const shell = await connect(target, options);
      expect((await shell.run("echo six")).stdout).toBe("six\n");
      await shell.close();
    }
  });
});

describe("a jump host", () => {
  it("is gone through, two in a row as well", async () => {
    const [first, second, last] = [await startServer(), await startServer(), await startServer()];
    const { options } = makeHome(
      `StrictHostKeyChecking no
Host vps
  HostName 127.0.0.1
  Port ${last.port}
  ProxyJump first,second
Host first
  HostName 127.0.0.1
  Port ${first.port}
Host second
  HostName 127.0.0.1
  Port ${second.port}
`,
    );
    const shell = await connect("vps", options);
    expect((await shell.run("echo far")).stdout).toBe("far\n");
    expect(shell.way).toEqual([
      { address: "127.0.0.1", port: first.port, from: "127.0.0.1" },
      ...[second, last].map(({ port }) => ({ address: "127.0.0.1", port })),
    ]);
    await shell.close();
    expect([first, second, last].map(({ connections }) => connections.length)).toEqual([1, 1, 1]);
    expect([first, second, last].map(({ commands }) => commands.length)).toEqual([0, 0, 1]);
  });

  it("may have a jump host of its own", async () => {
    const [first, second, last] = [await startServer(), await startServer(), await startServer()];
    const { options } = makeHome(
      `StrictHostKeyChecking no\nHost first\n  HostName 127.0.0.1\n  Port ${first.port}\nHost second\n  HostName 127.0.0.1\n  Port ${second.port}\n  ProxyJump first\nHost vps\n  HostName 127.0.0.1\n  Port ${last.port}\n  ProxyJump second\n`,
    );
    await (await connect("vps", options)).close();
    expect([first, second, last].map(({ connections }) => connections.length)).toEqual([1, 1, 1]);
  });

  it("that refuses is named, and what it is the way to", async () => {
    const jump = await startServer({ authenticate: () => ["publickey"] });
    const { options } = makeHome(
      `${config(1)}  ProxyJump me@127.0.0.1:${jump.port}\nHost *\n  StrictHostKeyChecking no\n`,
    );
    const error = await failure(connect("vps", options));
    expect(error).toMatchObject({ kind: "auth", host: `me@127.0.0.1:${jump.port}` });
    expect(error.message).toContain("(it is the way to vps)");
  });

  it("that is unknown is refused by its own key", async () => {
    const jump = await startServer({ hostKeys: [ed25519()] });
    const { options } = makeHome(`Host vps\n  ProxyJump 127.0.0.1:${jump.port}\n`);
    expect(await failure(connect("vps", options))).toMatchObject({
      kind: "hostkey",
      host: `127.0.0.1:${jump.port}`,
    });
  });

  it("that can't go on is named", async () => {
    const jump = await startServer();
    const { options } = makeHome(
      `${config(1)}  ProxyJump 127.0.0.1:${jump.port}\nHost *\n  StrictHostKeyChecking no\n`,
    );
    const error = await failure(connect("vps", options));
    expect(error).toMatchObject({ kind: "unreachable", host: "vps" });
    expect(error.message).toContain(`the jump host 127.0.0.1:${jump.port} can't connect to 127.0.0.1 port 1`);
  });

  it("that waits for the next host is waited for only so long", async () => {
    const jump = await startServer();
    const { options } = makeHome(
      `${config(HANGING_PORT)}  ProxyJump 127.0.0.1:${jump.port}\nHost *\n  StrictHostKeyChecking no\n`,
      { connectTimeoutMs: 500 },
    );
    expect(await failure(connect("vps", options))).toMatchObject({ kind: "timeout", host: "vps" });
  });

  it("must not lead in a circle", async () => {
    const { options } = makeHome("Host a\n  ProxyJump b\nHost b\n  ProxyJump a\n");
    await expect(connect("a", options)).rejects.toThrow(Ds4Error);
    await expect(connect("a", options)).rejects.toThrow("lead in a circle");
  });
});

describe("a ProxyCommand", () => {
  it("is the connection", async () => {
    const { port } = await startServer();
    const relay = `process.stdin.pipe(require('net').connect(%p,'%h')).pipe(process.stdout)`;
    const { options } = makeHome(config(port, `  ProxyCommand ${process.execPath} -e "${relay}"\n`));
    const shell = await connect("vps", options);
    expect((await shell.run("echo through")).stdout).toBe("through\n");
    await shell.close();
  });

  it.each([
    ["false", "it ended with exit status 1"],
    ["true", "it ended with exit status 0"],
    ["no-such-command-of-ours", "not found"],
    ["sh -c 'echo one >&2; printf \"no \\033[1mway\\r\\n\" >&2; exit 3'", ": no \\x1b[1mway"],
    ["sh -c 'cat >/dev/null & exec >&-; sleep 0.2; echo late >&2; exit 3'", ": late"],
  ])("that fails (%s) is tried again, and then its own words are shown", async (command, why) => {
    const notices: string[] = [];
    const { options } = makeHome(config(1, `  ProxyCommand ${command}\n`), {
      retries: 1,
      onNotice: (text) => notices.push(text),
    });
    const error = await failure(connect("vps", options));
    expect(error).toMatchObject({ host: "vps", kind: "unreachable" });
    expect(error.message).toMatch(/^vps: the ProxyCommand failed: [^\n]{1,300}$/);
    expect(error.message.endsWith(why)).toBe(true);
    expect(notices).toHaveLength(1);
  });

  it("that says very much on standard error is shown by its end", async () => {
    const noise = `${process.execPath} -e "process.stderr.write('x'.repeat(1e6) + 'end'); process.exitCode = 1"`;
    const { options } = makeHome(config(1, `  ProxyCommand ${noise}\n`));
    expect((await failure(connect("vps", options))).message).toMatch(/: x{197}end$/);
  });

  it("that breaks off later loses the connection", async () => {
    const { port } = await startServer();
    const relay = `const s=require('net').connect(%p,'%h');process.stdin.pipe(s).pipe(process.stdout);setTimeout(()=>process.exit(1),700)`;
    const { options } = makeHome(config(port, `  ProxyCommand ${process.execPath} -e "${relay}"\n`));
    const shell = await connect("vps", options);
    await expect(shell.run("sleep 5")).rejects.toThrow("the connection to vps was lost");
  });
});
