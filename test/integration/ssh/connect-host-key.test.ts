import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { ConnectError } from "../../../src/core/errors.js";
import { connect } from "../../../src/ssh/connect.js";
import { fingerprint, renderKnownHost } from "../../../src/ssh/known-hosts.js";
import { ed25519, type Key, makeHome, makePrompt, publicBlob, rsa, startServer } from "./test-server.js";

async function setUp(hostKeys: readonly Key[], config = "") {
  const server = await startServer({ hostKeys });
  const name = `[127.0.0.1]:${server.port}`;
  return { server, name, ...makeHome(`Host vps\n  HostName 127.0.0.1\n  Port ${server.port}\n${config}`) };
}

async function refusal(connecting: Promise<unknown>): Promise<ConnectError> {
  const error = await connecting.then(
    () => undefined,
    (reason) => reason,
  );
  expect(error).toBeInstanceOf(ConnectError);
  expect(error).toMatchObject({ kind: "hostkey", host: "vps" });
  return error as ConnectError;
}

describe("an unknown host key", () => {
  it("is refused when nobody can be asked, and not remembered", async () => {
    const key = ed25519();
    const { server, options, knownHosts } = await setUp([key]);
    const error = await refusal(connect("vps", { ...options, retries: 3 }));
    expect(error.message).toBe(
      `vps isn't known yet: it shows the ed25519 key ${fingerprint(publicBlob(key))}`,
    );
    expect(error.hint).toContain("--accept-new-host-key");
    expect(() => readFileSync(knownHosts)).toThrow("ENOENT");
    expect(server.connections).toHaveLength(1);
    expect(server.attempts).toEqual([]);
  });

  it("is shown and asked for", async () => {
    const key = ed25519();
    const { options, knownHosts, name } = await setUp([key]);
    const no = makePrompt(false);
    expect((await refusal(connect("vps", { ...options, prompt: no.prompt }))).message).toContain(
      "was not accepted",
    );
    expect(no.questions[0]).toContain(fingerprint(publicBlob(key)));
    expect(no.questions[0]).toContain(name);
    const yes = makePrompt(true);
    await (await connect("vps", { ...options, prompt: yes.prompt })).close();
    expect(readFileSync(knownHosts, "utf8")).toBe(`${renderKnownHost(name, publicBlob(key), false)}\n`);
    await (await connect("vps", options)).close(); // now it is known
  });

  it("is accepted for scripts, and remembered", async () => {
    const key = ed25519();
    const notices: string[] = [];
    const { options, knownHosts, write } = await setUp([key], "  HashKnownHosts yes\n");
    write("known_hosts", "other ssh-ed25519 AAAA"); // no newline at its end
    await (
      await connect("vps", { ...options, acceptNewHostKey: true, onNotice: (text) => notices.push(text) })
    ).close();
    await (await connect("vps", options)).close();
    const lines = readFileSync(knownHosts, "utf8").split("\n");
    expect(lines).toEqual(["other ssh-ed25519 AAAA", expect.stringMatching(/^\|1\|.*\|.* ssh-ed25519 /), ""]);
    expect(notices).toEqual([
      `vps: remembered its ed25519 key ${fingerprint(publicBlob(key))} in ${knownHosts}`,
    ]);
  });

  it.skipIf(spawnSync("ssh-keygen", ["-F", "x", "-f", "/dev/null"]).error)(
    "is remembered as OpenSSH finds it",
    async () => {
      for (const config of ["", "  HashKnownHosts yes\n", "  HostKeyAlias home\n"]) {
        const { options, knownHosts, name } = await setUp([ed25519()], config);
        await (await connect("vps", { ...options, acceptNewHostKey: true })).close();
        const wanted = config.includes("Alias") ? "home" : name;
        expect(spawnSync("ssh-keygen", ["-F", wanted, "-f", knownHosts]).status).toBe(0);
      }
    },
  );

  it("that can't be remembered is still accepted, and said so", async () => {
    const notices: string[] = [];
    const { options } = await setUp([ed25519()], "  UserKnownHostsFile /proc/nowhere/known_hosts\n");
    await (
      await connect("vps", { ...options, acceptNewHostKey: true, onNotice: (text) => notices.push(text) })
    ).close();
    expect(notices[0]).toContain("couldn't be remembered");
  });

  it("may be accepted or refused by StrictHostKeyChecking", async () => {
    const accepting = await setUp([ed25519()], "  StrictHostKeyChecking accept-new\n");
    await (await connect("vps", accepting.options)).close();
    const strict = await setUp([ed25519()], "  StrictHostKeyChecking yes\n");
    const { prompt, questions } = makePrompt(true);
    await refusal(connect("vps", { ...strict.options, prompt }));
    expect(questions).toEqual([]);
  });
});

describe("a changed host key", () => {
  it("is always refused, with the place of the old one and how to forget it", async () => {
    const [old, now] = [ed25519(), ed25519()];
    const { server, options, write, name } = await setUp([now], "  StrictHostKeyChecking no\n");
    const path = write("known_hosts", `# mine\n${renderKnownHost(name, publicBlob(old), true)}\n`);
    const { prompt, questions } = makePrompt(true);
    const error = await refusal(connect("vps", { ...options, prompt, acceptNewHostKey: true, retries: 3 }));
    expect(error.message).toContain(`${path}:2 has the ed25519 key ${fingerprint(publicBlob(old))}`);
    expect(error.message).toContain(`it now shows the ed25519 key ${fingerprint(publicBlob(now))}`);
    expect(error.hint).toContain(`ssh-keygen -f ${path} -R '${name}'`);
    expect(questions).toEqual([]);
    expect(server.attempts).toEqual([]);
    expect(readFileSync(path, "utf8").split("\n")).toHaveLength(3);
  });

  it("of another type is refused too, when the host no longer has the old type", async () => {
    const { options, write, name } = await setUp([ed25519()]);
    write("known_hosts", `${renderKnownHost(name, publicBlob(rsa()), false)}\n`);
    expect((await refusal(connect("vps", { ...options, acceptNewHostKey: true }))).message).toContain(
      "has the rsa key",
    );
  });

  it("isn't seen where the host has the pinned key still, beside a newer type", async () => {
    const [old, added] = [rsa(), ed25519()];
    const { options, write, name } = await setUp([added, old]);
    write("known_hosts", `${renderKnownHost(name, publicBlob(old), false)}\n`);
    await (await connect("vps", options)).close();
  });
});

describe("known_hosts", () => {
  it("knows a host at another port by its plain name too", async () => {
    const key = ed25519();
    const { options, write } = await setUp([key]);
    write("known_hosts", `${renderKnownHost("127.0.0.1", publicBlob(key), false)}\n`);
    await (await connect("vps", options)).close();
  });

  it("may be the system's", async () => {
    const key = ed25519();
    const { options, write, name, home } = await setUp([key], "  GlobalKnownHostsFile ~/.ssh/global\n");
    write("global", `${renderKnownHost(name, publicBlob(key), false)}\n`);
    await (await connect("vps", options)).close();
    expect(() => readFileSync(`${home}/.ssh/known_hosts`)).toThrow("ENOENT");
  });

  it("may revoke a key", async () => {
    const key = ed25519();
    const { options, write, name } = await setUp([key]);
    const path = write(
      "known_hosts",
      `@revoked ${renderKnownHost("*", publicBlob(key), false)}\n${renderKnownHost(name, publicBlob(key), false)}\n`,
    );
    const error = await refusal(connect("vps", { ...options, acceptNewHostKey: true }));
    expect(error.message).toBe(`the host key of vps is revoked by ${path}:1`);
  });

  it("is asked again at each new key exchange, without a new question", async () => {
    const { server, options } = await setUp([ed25519()]);
    const { prompt, questions } = makePrompt(true);
    const shell = await connect("vps", { ...options, prompt });
    await new Promise<void>((resolve) => server.connections[0]!.rekey(() => resolve()));
    expect((await shell.run("echo still here")).stdout).toBe("still here\n");
    await shell.close();
    expect(questions).toHaveLength(1);
  });
});
