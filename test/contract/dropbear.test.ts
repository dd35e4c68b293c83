import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Outcome, recordings } from "./recording.js";
import { Router } from "./router.js";
import { SshClient } from "./ssh-client.js";

// The steps of the dropbear recording that tell what a client did: here the client does it again.
const steps = recordings().find(({ topic }) => topic === "dropbear")?.steps ?? [];
const recorded = (n: number): Outcome => steps.find((step) => step.n === n)?.recorded as Outcome;

const router = new Router();
const client = new SshClient();
const command = (bytes: number) => `true #${"x".repeat(bytes - "true #".length)}`;
const wrong = () => client.freshKey("ed25519").then(({ file }) => file);

describe("the router's SSH server behaves as recorded", () => {
  beforeAll(async () => {
    await router.reset();
    await client.prepare(router.sshConfig);
  }, 300_000);
  afterAll(() => router.stop(), 60_000);

  test.each([
    [8, 8900],
    [9, 9000],
  ])("#%i a command of %i bytes", async (n, bytes) => {
    expect(await client.exec(command(bytes))).toEqual(recorded(n));
  });

  test.each([
    [10, 9001],
    [11, 20000],
  ])("#%i a command of %i bytes closes the connection", async (n, bytes) => {
    const { stdout, stderr, code } = await client.exec(command(bytes));
    expect({ stdout, code }).toEqual({ stdout: recorded(n).stdout, code: recorded(n).code });
    // The client says either, as the end comes while it reads or while it writes.
    expect(["client_loop: send disconnect: Broken pipe\n", recorded(n).stderr]).toContain(stderr);
  });

  test("#13 a script of 200 kB on standard input", async () => {
    const lines = Array.from({ length: 4000 }, () => `i=$((i+1)) # ${"x".repeat(38)}`);
    expect(await client.exec("sh -s", { input: `i=0\n${lines.join("\n")}\necho $i\n` })).toEqual(
      recorded(13),
    );
  });

  test("#15 no SFTP", async () => {
    const { stdout, code } = await client.sftp();
    expect({ stdout, code }).toEqual({ stdout: recorded(15).stdout, code: recorded(15).code });
  });

  test("#17 the old scp protocol", async () => {
    expect(await client.scp("hello\n", "up.txt")).toEqual(recorded(17));
    expect(await router.exec("cat /tmp/up.txt")).toEqual(recorded(18));
  });

  test("#27 twelve channels at once over one connection", async () => {
    await router.answers();
    const numbers = Array.from({ length: 12 }, (_, at) => at + 1);
    const started = Date.now();
    const codes = await Promise.all(
      numbers.map((n) =>
        router
          .exec(`sleep 2; echo channel ${n}; exit ${n}`)
          .then(({ stdout, code }) => `${stdout.trim()} code ${code}`),
      ),
    );
    const together = Date.now() - started < 20_000; // each waits 2 s: one after the other would be 24 s
    expect(`${codes.join("\n")}\nall together in less than 8 s\n`).toBe(recorded(27).stdout);
    expect(together).toBe(true);
  });

  test.each([
    [34, 1],
    [35, 2],
    [36, 3],
  ])("#%i the right key after %i wrong ones", async (n, count) => {
    const keys = [...(await Promise.all(Array.from({ length: count }, wrong))), client.acceptedKey];
    expect(await client.exec("echo in", { keys })).toEqual(recorded(n));
  });

  test("#37 the right key after five wrong ones", async () => {
    const keys = [...(await Promise.all(Array.from({ length: 5 }, wrong))), client.acceptedKey];
    expect((await client.exec("echo in", { keys })).stdout).toBe(recorded(37).stdout);
  });

  test("#38 only a wrong key", async () => {
    expect(await client.exec("echo in", { keys: [await wrong()] })).toEqual(recorded(38));
  });

  test("#39 an unknown user", async () => {
    expect(await client.exec("echo in", { user: "nosuchuser" })).toEqual(recorded(39));
  });

  test("#41 to #44 other types of keys", async () => {
    const [rsa, ecdsa] = [await client.freshKey("rsa"), await client.freshKey("ecdsa")];
    await router.must("cat >> /etc/dropbear/authorized_keys", rsa.publicKey + ecdsa.publicKey);
    expect(await client.exec("echo in", { keys: [rsa.file] })).toEqual(recorded(41));
    expect(await client.exec("echo in", { keys: [ecdsa.file] })).toEqual(recorded(42));
    const only = (algorithm: string) => [`PubkeyAcceptedAlgorithms=${algorithm}`];
    expect(await client.exec("echo in", { keys: [rsa.file], options: only("rsa-sha2-512") })).toEqual(
      recorded(43),
    );
    expect(await client.exec("echo in", { keys: [rsa.file], options: only("ssh-rsa") })).toEqual(
      recorded(44),
    );
  });

  test("#46 and #47 authorized_keys writable by all", async () => {
    try {
      const { stdout } = await router.exec(steps.find(({ n }) => n === 46)?.cmd ?? "");
      expect(stdout.replace(/^total .*\n/, "")).toBe(recorded(46).stdout); // Debian's ls has the sum, too
      expect(await client.exec("true")).toEqual(recorded(47));
    } finally {
      await router.exec("chmod 600 /etc/dropbear/authorized_keys"); // over the connection that is open
    }
  });
});
