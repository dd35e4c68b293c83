import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect as connectTcp, createServer } from "node:net";
import { userInfo } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it, onTestFinished } from "vitest";
import { connect } from "../../../src/ssh/connect.js";
import { makeHome, makePrompt } from "./test-server.js";

// Debian's own servers on a high port of loopback; scripts/test unpacks those that aren't installed.
const SSHD = process.env.DS4_SSHD ?? "/usr/sbin/sshd";
const DROPBEAR = process.env.DS4_DROPBEAR ?? "/usr/sbin/dropbear";
const isRoot = process.getuid?.() === 0;
const { username } = userInfo();

const children: ChildProcess[] = [];
afterAll(() => {
  for (const child of children) child.kill();
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function start(port: number, command: string, args: readonly string[]): Promise<void> {
  const child = spawn(command, args, { stdio: ["ignore", "ignore", "pipe"] });
  children.push(child);
  let said = "";
  child.stderr.on("data", (data) => {
    said += data;
  });
  onTestFinished(() => {
    child.kill();
  });
  for (let tries = 0; tries < 100; tries++) {
    const up = await new Promise<boolean>((resolve) => {
      const socket = connectTcp(port, "127.0.0.1", () => resolve(true)).on("error", () => resolve(false));
      socket.on("connect", () => socket.destroy());
    });
    if (up) return;
    if (child.exitCode !== null) break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${command} didn't start: ${said}`);
}

function generateKey(path: string, type: string, passphrase = ""): void {
  const { status, stderr } = spawnSync(
    "ssh-keygen",
    ["-q", "-t", type, ...(type === "rsa" ? ["-b", "2048"] : []), "-N", passphrase, "-f", path],
    {
      encoding: "utf8",
    },
  );
  if (status !== 0) throw new Error(stderr);
}

async function startSshd(hostKeyTypes: readonly string[] = ["ed25519"]) {
  const port = await freePort();
  const made = makeHome(`Host vps\n  HostName 127.0.0.1\n  User ${username}\n  Port ${port}\n`);
  const { home } = made;
  if (isRoot) mkdirSync("/run/sshd", { recursive: true, mode: 0o755 }); // sshd insists
  // Where the tests don't run as root, becoming root is played.
  const bin = join(home, "bin");
  mkdirSync(bin);
  writeFileSync(join(bin, "sudo"), '#!/bin/sh\n[ "$1" = -n ] || exit 9\nshift\nexec "$@"\n');
  chmodSync(join(bin, "sudo"), 0o755);
  for (const type of hostKeyTypes) generateKey(join(home, `host-${type}`), type);
  const config = join(home, "sshd_config");
  writeFileSync(
    config,
    [
      `Port ${port}`,
      "ListenAddress 127.0.0.1",
      ...hostKeyTypes.map((type) => `HostKey ${home}/host-${type}`),
      `AuthorizedKeysFile ${home}/authorized`,
      "StrictModes no",
      "UsePAM no",
      "PasswordAuthentication no",
      "PidFile none",
      `SetEnv PATH=${bin}:/usr/bin:/bin`,
      "",
    ].join("\n"),
  );
  await start(port, SSHD, ["-D", "-e", "-f", config]);
  return { port, ...made };
}

const authorize = (home: string, ...keys: string[]) =>
  writeFileSync(join(home, "authorized"), keys.map((key) => readFileSync(`${key}.pub`, "utf8")).join(""));

describe.skipIf(!existsSync(SSHD))(
  `OpenSSH (skipped without ${SSHD}: apt-get install openssh-server)`,
  () => {
    it("lets each type of key in, also with a passphrase, whichever host key is pinned", async () => {
      const types = ["ed25519", "ecdsa", "rsa"];
      const { home, options, write, port } = await startSshd(types);
      for (const type of types) {
        const [hostKeyType, blob] = readFileSync(join(home, `host-${type}.pub`), "utf8").split(" ");
        write("known_hosts", `[127.0.0.1]:${port} ${hostKeyType} ${blob}\n`);
        for (const passphrase of ["", "the passphrase"]) {
          const key = join(home, `.ssh/${type}${passphrase && "-locked"}`);
          generateKey(key, type, passphrase);
          authorize(home, key);
          write(
            "config",
            `Host vps\n  HostName 127.0.0.1\n  User ${username}\n  Port ${port}\n  IdentityFile ${key}\n`,
          );
          const { prompt, questions } = makePrompt("the passphrase");
          await (await connect("vps", { ...options, prompt })).close();
          expect(questions).toEqual(passphrase === "" ? [] : [`Passphrase of ${key}: `]);
        }
      }
    });

    it("runs scripts", async () => {
      const { home, options } = await startSshd();
      const key = join(home, ".ssh/id_ed25519");
      generateKey(key, "ed25519");
      authorize(home, key);
      const shell = await connect("vps", { ...options, acceptNewHostKey: true, expectedRuns: 2 });
      const lines: string[] = [];
      const result = await shell.run("echo one; echo two; echo err >&2; exit 7", {
        onLine: (line) => lines.push(line),
      });
      expect(result).toEqual({ stdout: "one\ntwo\n", stderr: "err\n", code: 7 });
      expect(lines).toEqual(["one", "two"]);
      expect((await shell.run("kill -TERM $$")).code).toBe(143);
      const { stdout } = await shell.run('echo "$SSH_CONNECTION"');
      expect(stdout).toMatch(/^127\.0\.0\.1 \d+ 127\.0\.0\.1 \d+\n$/);
      expect((await shell.run(`${"# filling\n".repeat(50_000)}sleep 20 & echo end`)).stdout).toBe("end\n");
      const runs = await Promise.all(Array.from({ length: 9 }, (_, n) => shell.run(`echo ${n}`)));
      expect(runs.map((run) => run.stdout)).toEqual(Array.from({ length: 9 }, (_, n) => `${n}\n`));
      await shell.close();
    });

    it("refuses a key that it doesn't know", async () => {
      const { home, options } = await startSshd();
      generateKey(join(home, ".ssh/id_ed25519"), "ed25519");
      writeFileSync(join(home, "authorized"), "");
      await expect(connect("vps", { ...options, acceptNewHostKey: true })).rejects.toMatchObject({
        kind: "auth",
      });
    });

    it("hangs up after too many keys, and that is said", async () => {
      const { home, options, write, port } = await startSshd();
      const names = ["a", "b", "c", "d", "e", "f", "g"];
      for (const name of names) generateKey(join(home, `.ssh/${name}`), "ed25519");
      writeFileSync(join(home, "authorized"), "");
      write(
        "config",
        `Host vps\n  HostName 127.0.0.1\n  Port ${port}\n  User ${username}\n${names.map((name) => `  IdentityFile ~/.ssh/${name}\n`).join("")}`,
      );
      const error = await connect("vps", { ...options, acceptNewHostKey: true }).catch((reason) => reason);
      expect(error).toMatchObject({ kind: "auth", hint: expect.stringContaining("IdentitiesOnly") });
      expect(error.message).toContain("Too many authentication failures");
    });

    it("is a jump host to another", async () => {
      const [far, near] = [await startSshd(), await startSshd()];
      const key = join(far.home, ".ssh/id_ed25519");
      generateKey(key, "ed25519");
      for (const { home } of [far, near]) authorize(home, key);
      far.write(
        "config",
        `Host vps\n  HostName 127.0.0.1\n  Port ${far.port}\n  ProxyJump jump\nHost jump\n  HostName 127.0.0.1\n  Port ${near.port}\nHost *\n  User ${username}\n`,
      );
      const shell = await connect("vps", { ...far.options, acceptNewHostKey: true });
      expect((await shell.run("echo far")).stdout).toBe("far\n");
      await shell.close();
    });
  },
);

// Dropbear reads authorized_keys in the user's own home, which no test may touch: it gets another home by mount.
const canMount = isRoot && spawnSync("unshare", ["-m", "true"]).status === 0;
describe.skipIf(!existsSync(DROPBEAR) || !canMount)(
  "dropbear (skipped without it, and where mounting isn't allowed)",
  () => {
    async function startDropbear(...flags: string[]) {
      const port = await freePort();
      const made = makeHome(`Host router\n  HostName 127.0.0.1\n  User root\n  Port ${port}\n`, {
        label: "router",
      });
      const { home } = made;
      const asRoot = join(home, "root");
      mkdirSync(join(asRoot, ".ssh"), { recursive: true, mode: 0o700 });
      for (const type of ["ed25519", "rsa"])
        spawnSync("dropbearkey", ["-t", type, "-f", join(home, `host-${type}`)]);
      const script = 'mount --bind "$1" /root && shift && exec "$@"';
      const daemon = [
        DROPBEAR,
        "-F",
        "-E",
        "-p",
        `127.0.0.1:${port}`,
        "-P",
        `${home}/pid`,
        "-T",
        "3",
        ...flags,
      ];
      const keys = ["-r", join(home, "host-ed25519"), "-r", join(home, "host-rsa")];
      await start(port, "unshare", ["-m", "sh", "-c", script, "sh", asRoot, ...daemon, ...keys]);
      const allow = (key: string) =>
        writeFileSync(join(asRoot, ".ssh/authorized_keys"), readFileSync(`${key}.pub`), { mode: 0o600 });
      return { port, allow, ...made };
    }

    it("lets each type of key in, and runs scripts", async () => {
      const { home, allow, options, write, port } = await startDropbear();
      for (const type of ["ed25519", "ecdsa", "rsa"]) {
        const key = join(home, `.ssh/${type}`);
        generateKey(key, type);
        allow(key);
        write(
          "config",
          `Host router\n  HostName 127.0.0.1\n  User root\n  Port ${port}\n  IdentityFile ${key}\n`,
        );
        const shell = await connect("router", { ...options, acceptNewHostKey: true, expectedRuns: 3 });
        expect(await shell.run("echo out; echo err >&2; exit 7")).toEqual({
          stdout: "out\n",
          stderr: "err\n",
          code: 7,
        });
        // An exec string of more than 9,000 bytes would end the whole connection; standard input has no bound.
        expect((await shell.run(`${"# filling\n".repeat(20_000)}echo end`)).stdout).toBe("end\n");
        expect((await shell.run("kill -TERM $$")).code).toBe(143);
        await shell.close();
      }
    });

    it("runs several scripts at once, though some end while channels are being opened", async () => {
      const { home, allow, options } = await startDropbear();
      const key = join(home, ".ssh/id_ed25519");
      generateKey(key, "ed25519");
      allow(key);
      const shell = await connect("router", { ...options, acceptNewHostKey: true, expectedRuns: 3 });
      for (let round = 0; round < 5; round++) {
        const runs = await Promise.all(Array.from({ length: 12 }, (_, n) => shell.run(`echo ${n}`)));
        expect(runs.map(({ stdout }) => stdout)).toEqual(Array.from({ length: 12 }, (_, n) => `${n}\n`));
      }
      await shell.close();
    });

    it("lets the fourth key in, though it allows three tries", async () => {
      const { home, allow, options, write, port } = await startDropbear();
      const names = ["a", "b", "c", "right"];
      for (const name of names) generateKey(join(home, `.ssh/${name}`), "ed25519");
      allow(join(home, ".ssh/right"));
      write(
        "config",
        `Host router\n  HostName 127.0.0.1\n  Port ${port}\n${names.map((name) => `  IdentityFile ~/.ssh/${name}\n`).join("")}`,
      );
      await (await connect("router", { ...options, acceptNewHostKey: true })).close();
    });

    it("refuses a wrong password after asking once", async () => {
      const { options } = await startDropbear();
      const { prompt, questions } = makePrompt("surely not it");
      const error = await connect("router", { ...options, acceptNewHostKey: true, prompt }).catch(
        (reason) => reason,
      );
      expect(error).toMatchObject({ kind: "auth" });
      expect(questions).toEqual(["Password of root on router: "]);
    });
  },
);
