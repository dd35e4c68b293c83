import { spawnSync } from "node:child_process";
import type { AuthContext } from "ssh2";
import { describe, expect, it } from "vitest";
import { ConnectError } from "../../../src/core/errors.js";
import { connect } from "../../../src/ssh/connect.js";
import {
  ecdsa,
  ed25519,
  type Key,
  locked,
  makeHome,
  makePrompt,
  noAgent,
  publicBlob,
  rsa,
  startAgent,
  startServer,
} from "./test-server.js";

const accepts =
  (...keys: Key[]) =>
  (context: AuthContext) =>
    context.method === "publickey" && keys.some((key) => publicBlob(key).equals(context.key.data));

async function setUp(
  authenticate: (context: AuthContext) => boolean | readonly string[] | Promise<boolean | readonly string[]>,
  config = "",
) {
  const server = await startServer({ authenticate });
  const home = makeHome(
    `Host vps\n  HostName 127.0.0.1\n  Port ${server.port}\n  StrictHostKeyChecking no\n${config}`,
  );
  return { server, ...home };
}

async function failure(connecting: Promise<unknown>): Promise<ConnectError> {
  const error = await connecting.then(
    () => undefined,
    (reason) => reason,
  );
  expect(error).toBeInstanceOf(ConnectError);
  return error as ConnectError;
}

describe("logging in", () => {
  it.each([
    ["ed25519", ed25519],
    ["ecdsa", ecdsa],
    ["rsa", rsa],
  ])("with a %s key asks once and signs once, and nothing else", async (name, make) => {
    const key = make();
    const { server, write, options } = await setUp(accepts(key));
    write(`id_${name}`, key.private);
    const shell = await connect("vps", options);
    expect(await shell.run("echo here")).toEqual({ stdout: "here\n", stderr: "", code: 0 });
    await shell.close();
    expect(server.attempts).toEqual(["publickey", "publickey signed"]);
  });

  it("offers the configured keys first and in their order", async () => {
    const [right, other] = [ed25519(), ed25519()];
    const { server, write, options } = await setUp(
      accepts(right),
      "  IdentityFile ~/.ssh/other\n  IdentityFile ~/.ssh/right\n",
    );
    write("other", other.private);
    write("right", right.private);
    write("id_ed25519", ed25519().private);
    await (await connect("vps", options)).close();
    expect(server.attempts).toEqual(["publickey", "publickey", "publickey signed"]);
  });

  it("needs no key where there is no password (a fresh OpenWrt)", async () => {
    const { server, options } = await setUp((context) => context.method === "none");
    await (await connect("vps", options)).close();
    expect(server.attempts).toEqual(["none"]);
  });

  it("without a password works also for those who have a key", async () => {
    const { server, write, options } = await setUp(
      (context) => context.method === "none" || ["publickey", "password"],
    );
    write("id_ed25519", ed25519().private);
    await (await connect("vps", options)).close();
    expect(server.attempts).toEqual(["publickey", "none"]);
  });

  it("with a wrong key says what was tried, and is not tried again", async () => {
    const { server, write, options } = await setUp(() => ["publickey"]);
    const path = write("id_ed25519", ed25519().private);
    const error = await failure(connect("vps", { ...options, retries: 5 }));
    expect(error).toMatchObject({ kind: "auth", host: "vps" });
    expect(error.message).toBe(`vps doesn't let root in: tried the key ${path}; it takes publickey`);
    expect(error.hint).toContain("ssh-copy-id");
    expect(server.connections).toHaveLength(1);
  });

  it("names the keys that could not be offered", async () => {
    const { options, write, home } = await setUp(
      () => ["publickey"],
      "  IdentityFile ~/.ssh/missing\n  IdentityFile ~/.ssh/garbage\n  IdentityFile ~/.ssh/half\n",
    );
    write("garbage", "no key");
    write("half", ed25519().public);
    const { message } = await failure(connect("vps", options));
    expect(message).toContain(`${home}/.ssh/missing doesn't exist`);
    expect(message).toContain(`${home}/.ssh/garbage: it is no private key`);
    expect(message).toContain("the agent doesn't hold its private half");
  });

  it("tells when the server hangs up after too many keys", async () => {
    const { server, write, options } = await setUp((context) => {
      if (server.attempts.length === 2)
        (
          server.connections[0] as unknown as { _protocol: { disconnect(code: number): void } }
        )._protocol.disconnect(2);
      return context.method === "none";
    }, "  IdentityFile ~/.ssh/a\n  IdentityFile ~/.ssh/b\n  IdentityFile ~/.ssh/c\n");
    for (const name of ["a", "b", "c"]) write(name, ed25519().private);
    expect(await failure(connect("vps", options))).toMatchObject({ kind: "auth" });
  });
});

describe("a key with a passphrase", () => {
  it("is asked for once for both hosts, and only because the host takes the key", async () => {
    const key = locked("open sesame");
    const { prompt, questions } = makePrompt("open sesame");
    const { server, write, options } = await setUp(accepts(key));
    const path = write("id_ed25519", key.private);
    const shells = await Promise.all([
      connect("vps", { ...options, prompt }),
      connect("vps", { ...options, prompt }),
    ]);
    await Promise.all(shells.map((shell) => shell.close()));
    expect(questions).toEqual([`Passphrase of ${path}: `]);
    expect(server.attempts.filter((attempt) => attempt === "publickey signed")).toHaveLength(2);
  });

  it("isn't asked for where the host doesn't take the key", async () => {
    const right = rsa();
    const { prompt, questions } = makePrompt();
    const { write, options } = await setUp(accepts(right));
    write("id_ed25519", locked("x").private);
    write("id_rsa", right.private);
    await (await connect("vps", { ...options, prompt })).close();
    expect(questions).toEqual([]);
  });

  it("is asked for three times at most", async () => {
    const key = locked("right");
    const { prompt, questions } = makePrompt("wrong", "wrong", "wrong");
    const { write, options } = await setUp((context) => accepts(key)(context) || ["publickey"]);
    write("id_ed25519", key.private);
    const error = await failure(connect("vps", { ...options, prompt }));
    expect(questions).toHaveLength(3);
    expect(error).toMatchObject({ kind: "auth", hint: expect.stringContaining("ssh-add") });
    expect(`${error.message}${error.hint}`).not.toContain("wrong");
  });

  it("without a terminal is named", async () => {
    const key = locked("secret");
    const { write, options } = await setUp((context) => accepts(key)(context) || ["publickey"]);
    const path = write("id_ed25519", key.private);
    const error = await failure(connect("vps", options));
    expect(error.kind).toBe("auth");
    expect(error.message).toContain(
      `the key ${path} has a passphrase, and there is no terminal to ask for it`,
    );
    expect(error.hint).toBe(`Type \`ssh-add ${path}\` first.`);
  });

  it("may take its time to be typed", async () => {
    const key = locked("slow");
    const { write, options } = await setUp(accepts(key));
    write("id_ed25519", key.private);
    const prompt = {
      secret: () => new Promise<string>((resolve) => setTimeout(() => resolve("slow"), 600)),
      confirm: async () => true,
    };
    await (await connect("vps", { ...options, prompt, connectTimeoutMs: 300 })).close();
  });

  it.each([
    ["a passphrase", locked("x"), accepts],
    ["a password", undefined, () => () => ["password"] as const],
    ["a host key", undefined, () => () => true],
  ])("or %s that isn't answered ends it", async (what, key, rule) => {
    const { write, options, server } = await setUp(rule(key!));
    if (key !== undefined) write("id_ed25519", key.private);
    if (what === "a host key") write("config", `Host vps\n  HostName 127.0.0.1\n  Port ${server.port}\n`);
    const brokenOff = new Error("Ctrl-C");
    const never = () => Promise.reject(brokenOff);
    const connecting = connect("vps", { ...options, prompt: { secret: never, confirm: never }, retries: 3 });
    await expect(connecting).rejects.toBe(brokenOff);
    expect(server.connections).toHaveLength(1);
  });

  const openssl = (...args: string[]) => spawnSync("openssl", args, { encoding: "utf8" });
  it.skipIf(openssl("version").error !== undefined)("may be in the old format", async () => {
    const { stdout } = openssl("genrsa", "-traditional", "-aes128", "-passout", "pass:old", "2048");
    expect(stdout).toContain("Proc-Type: 4,ENCRYPTED");
    const { prompt, questions } = makePrompt("old");
    const { write, options } = await setUp((context) => context.method === "publickey");
    write("id_rsa", stdout);
    await (await connect("vps", { ...options, prompt })).close();
    expect(questions).toHaveLength(1);
  });
});

describe("a password", () => {
  it("is asked for when no key helps", async () => {
    const { prompt, questions } = makePrompt("hunter2");
    const { server, write, options } = await setUp(
      (context) =>
        (context.method === "password" && context.password === "hunter2") || ["publickey", "password"],
    );
    write("id_ed25519", ed25519().private);
    await (await connect("vps", { ...options, prompt })).close();
    expect(questions).toEqual(["Password of root on vps: "]);
    expect(server.attempts).toEqual(["publickey", "none", "password"]);
  });

  it("is asked for once, and never shown", async () => {
    const { prompt, questions } = makePrompt("hunter2");
    const { options } = await setUp(() => ["password"]);
    const error = await failure(connect("vps", { ...options, prompt }));
    expect(questions).toHaveLength(1);
    expect(error.message).toBe("vps doesn't let root in: tried no password, a password; it takes password");
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain("hunter2");
  });

  it.each([
    ["password", "Password of root on vps: "],
    ["keyboard-interactive", "vps: Password: "],
  ])("that let in (%s) is asked for again only where it doesn't any more", async (method, question) => {
    const { prompt, questions } = makePrompt("wrong", "first", "second", "other's");
    let right = "first";
    const rule = (context: AuthContext) => {
      if (context.method !== method) return [method];
      if (context.method === "password") return context.password === right || [method];
      if (context.method !== "keyboard-interactive") return false;
      return new Promise<boolean | string[]>((resolve) =>
        context.prompt([{ prompt: "Password: ", echo: false }], ([answer]) =>
          resolve(answer === right || [method]),
        ),
      );
    };
    const { write, options, server } = await setUp(rule);
    const logIn = async (target: string) => (await connect(target, { ...options, prompt })).close();
    await failure(logIn("vps"));
    for (let times = 0; times < 3; times++) await logIn("vps");
    expect(questions).toEqual([question, question]);
    right = "second";
    for (let times = 0; times < 2; times++) await logIn("vps");
    expect(questions).toEqual([question, question, question]);
    right = "other's";
    write("config", `Host vps\n  HostName 127.0.0.1\n  Port ${server.port}\n  User other\n`);
    await logIn("vps");
    expect(questions).toHaveLength(4);
  });

  it("that is a code is asked for each time", async () => {
    const { prompt, questions } = makePrompt("1", "2");
    const { options } = await setUp((context) => {
      if (context.method !== "keyboard-interactive") return ["keyboard-interactive"];
      return new Promise((resolve) =>
        context.prompt([{ prompt: "One-time password: ", echo: false }], () => resolve(true)),
      );
    });
    for (let times = 0; times < 2; times++) await (await connect("vps", { ...options, prompt })).close();
    expect(questions).toHaveLength(2);
  });

  it("may be asked for by the host's own question", async () => {
    const { prompt, questions } = makePrompt("123456");
    const { options } = await setUp((context) => {
      if (context.method !== "keyboard-interactive") return ["keyboard-interactive"];
      return new Promise((resolve) =>
        context.prompt([{ prompt: "Code: ", echo: false }], ([code]) => resolve(code === "123456")),
      );
    });
    await (await connect("vps", { ...options, prompt })).close();
    expect(questions).toEqual(["vps: Code: "]);
  });

  it("isn't asked for without a terminal", async () => {
    const { options } = await setUp(() => ["password"]);
    const error = await failure(connect("vps", options));
    expect(error.message).toBe("vps doesn't let root in: tried no password; it takes password");
  });
});

describe.skipIf(noAgent)("the agent", () => {
  it.each([
    ["ed25519", ed25519],
    ["ecdsa", ecdsa],
    ["rsa", rsa],
  ])("signs with an %s key that is in no file", async (_name, make) => {
    const key = make();
    const { server, home, write, options, surroundings } = await setUp(
      (context) => accepts(key)(context) || ["publickey"],
    );
    const socket = await startAgent(home, write("some-key", key.private));
    const environment = { SSH_AUTH_SOCK: socket };
    await (await connect("vps", { ...options, surroundings: { ...surroundings, environment } })).close();
    expect(server.attempts).toEqual(["publickey", "publickey signed"]);
  });

  it("gives only the named key with IdentitiesOnly, by its public half too", async () => {
    const [named, other] = [ed25519(), ed25519()];
    const { server, home, write, options, surroundings } = await setUp(
      (context) => accepts(named)(context) || ["publickey"],
      "  IdentitiesOnly yes\n  IdentityFile ~/.ssh/named.pub\n",
    );
    const socket = await startAgent(home, write("other", other.private), write("named", named.private));
    write("named.pub", named.public);
    const environment = { SSH_AUTH_SOCK: socket };
    await (await connect("vps", { ...options, surroundings: { ...surroundings, environment } })).close();
    expect(server.attempts).toEqual(["publickey", "publickey signed"]);
  });

  it("goes before the default files, and after the configured ones", async () => {
    const [inAgent, inFile] = [ed25519(), ecdsa()];
    const { server, home, write, options, surroundings } = await setUp(
      (context) => accepts(inFile)(context) || ["publickey"],
    );
    const socket = await startAgent(home, write("held", inAgent.private));
    write("id_ecdsa", inFile.private);
    const environment = { SSH_AUTH_SOCK: socket };
    const withAgent = { ...options, surroundings: { ...surroundings, environment } };
    await (await connect("vps", withAgent)).close();
    expect(server.attempts).toEqual(["publickey", "publickey", "publickey signed"]);
    server.attempts.length = 0;
    write(
      "config",
      `Host vps\n  HostName 127.0.0.1\n  Port ${server.port}\n  IdentityFile ~/.ssh/id_ecdsa\n`,
    );
    await (await connect("vps", withAgent)).close();
    expect(server.attempts).toEqual(["publickey", "publickey signed"]);
  });

  it("that doesn't answer is named when nothing else helps", async () => {
    const { options, surroundings } = await setUp(() => ["publickey"]);
    const environment = { SSH_AUTH_SOCK: "/nonexistent/agent" };
    const error = await failure(
      connect("vps", { ...options, surroundings: { ...surroundings, environment } }),
    );
    expect(error.message).toContain("the SSH agent doesn't answer");
    expect(error.message).not.toContain("/nonexistent/agent"); // where the agent is, is nobody's business
  });
});
