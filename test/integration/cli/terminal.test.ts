import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { fingerprint, renderKnownHost } from "../../../src/ssh/known-hosts.js";
import { ed25519, locked, publicBlob, type ServerOptions } from "../ssh/test-server.js";
import { compileCli } from "./run-cli.js";
import { serveSite } from "./serve-site.js";
import { codes, onTerminal, type TerminalOptions } from "./terminal.js";

const top = mkdtempSync(join(tmpdir(), "ds4-terminal-"));
let compiled = "";
let home = "";
beforeAll(() => {
  compiled = compileCli();
});
beforeEach(() => {
  home = mkdtempSync(join(top, "home-"));
  mkdirSync(join(home, ".ssh"), { mode: 0o700 });
});
afterAll(() => {
  for (const path of [top, compiled]) rmSync(path, { recursive: true, force: true });
});

const ds4 = (args: readonly string[], options?: TerminalOptions) =>
  onTerminal(
    [process.execPath, join(compiled, "dist", "cli.js"), ...args, "-F", "none"].join(" "),
    home,
    options,
  );

const [ctrlC, ctrlD, enter] = ["\u0003", "\u0004", "\r"];
const brokenOff = "error: the question was broken off, and nothing was changed";

describe.skipIf(spawnSync("script", ["--version"]).status !== 0)("on a terminal", () => {
  describe("the question before a change", () => {
    const question = "Make 56 changes? (y/N)";
    const asked = async (options?: TerminalOptions) => {
      const site = await serveSite(home, "fresh");
      const terminal = ds4(["apply", ...site.args], options);
      await terminal.shows(question);
      const unchanged = () => expect(site.hosts.map(({ ran }) => ran)).toEqual([["read"], ["read"]]);
      return { ...site, terminal, unchanged };
    };

    it.each([
      ["n", `n${enter}`],
      ["Enter alone", enter],
    ])("with %s ends without a change", async (_, keys) => {
      const { terminal, unchanged, releases } = await asked();
      expect(terminal.cursorShown()).toBe(true);
      terminal.types(keys);
      expect(await terminal.ends()).toBe(1);
      expect(terminal.screen().slice(-2)).toEqual(["✔ Make 56 changes? No", "Nothing was changed."]);
      unchanged();
      expect(releases()).toBe(2);
    });

    it("is not answered by what was typed before", async () => {
      let letIn = (_: boolean) => {};
      const gate = new Promise<boolean>((resolve) => {
        letIn = resolve;
      });
      const waiting = { authenticate: () => gate };
      const { args, hosts } = await serveSite(home, "fresh", {}, undefined, {
        vps: waiting,
        router: waiting,
      });
      const terminal = ds4(["apply", ...args]);
      await terminal.shows("connecting");
      terminal.types(`y${enter}`);
      await expect.poll(() => terminal.raw(), { timeout: 60_000 }).toContain("y\r\n");
      letIn(true);
      await terminal.shows(question);
      terminal.types(`n${enter}`);
      expect(await terminal.ends()).toBe(1);
      expect(hosts.map(({ ran }) => ran)).toEqual([["read"], ["read"]]);
    });

    it("with y goes on, and each thing is shown once in the end", async () => {
      const { terminal, hosts } = await asked();
      terminal.types(`y${enter}`);
      expect(await terminal.ends()).toBe(0);
      for (const { ran } of hosts) expect(ran.slice(0, 3)).toEqual(["read", "arm", "change"]);
      const lines = terminal.screen();
      for (const line of [
        "✔ vps         connected",
        "✔ router      connected",
        "✔ vps, router read",
        "✔ vps         path home measured",
        "✔ Make 56 changes? Yes",
        "✔ vps, router dead-man switches armed",
        "✔ vps, router changed",
        "✔ vps, router proved over new connections",
        "✔ vps, router confirmed",
        "✔ 56 changes made and read back. 203.0.113.144 -> 192.168.1.210, tunnel wrap1 with MTU 1460",
      ]) {
        expect(lines.filter((one) => one === line)).toEqual([line]);
      }
      expect(lines.filter((line) => /^[✔✖]/.test(line))).toHaveLength(10);
      expect(lines.join("\n")).not.toMatch(/[⠀-⣿]|connecting|reading|measuring|arming|changing|confirming/);
      expect(terminal.cursorShown()).toBe(true);
    });

    it.each([
      ["Ctrl-C", ctrlC],
      ["Ctrl-D", ctrlD],
    ])("is broken off with %s", async (_, key) => {
      const { terminal, unchanged, releases } = await asked();
      terminal.types(key);
      expect(await terminal.ends()).toBe(1);
      expect(terminal.screen().at(-1)).toBe(brokenOff);
      expect(terminal.screen().join("\n")).not.toContain("    at ");
      expect(terminal.cursorShown()).toBe(true);
      unchanged();
      expect(releases()).toBe(2);
    });

    it("ends when the terminal goes away, and the hosts are free again", async () => {
      const { terminal, unchanged, releases } = await asked();
      await terminal.closes();
      unchanged();
      expect(releases()).toBeGreaterThanOrEqual(2);
    });

    it.each([
      ["a dumb terminal", { env: { TERM: "dumb" } }],
      ["a terminal that tells no size", { columns: 0 }],
    ])("comes after plain lines on %s", async (_, options) => {
      const { terminal, unchanged } = await asked(options);
      const before = terminal.raw().slice(0, terminal.raw().indexOf("file /etc/ds4/site"));
      expect(before).toMatch(/^vps: connecting\r$/m);
      expect(before).toMatch(/^ssh:.* remembered its ed25519 key/m);
      // Colours at most.
      expect(codes(before).filter((code) => !code.endsWith("m"))).toEqual([]);
      terminal.types(`n${enter}`);
      expect(await terminal.ends()).toBe(1);
      unchanged();
    });
  });

  it("a narrow terminal shows everything once, too", async () => {
    const { args } = await serveSite(home, "in-sync");
    const terminal = ds4(["status", ...args], { columns: 12 });
    expect(await terminal.ends()).toBe(0);
    const lines = terminal.screen();
    expect(lines.filter((line) => line.startsWith("✔ vps"))).toHaveLength(2);
    expect(lines.filter((line) => line.startsWith("✔ router"))).toHaveLength(1);
    expect(lines.join("")).not.toMatch(/[⠀-⣿]|connecting|reading/);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(12);
  });

  it("Ctrl-C while it connects leaves the cursor as it was", async () => {
    const never = { authenticate: () => new Promise<boolean>(() => {}) };
    const { args, servers } = await serveSite(home, "fresh", {}, undefined, { vps: never, router: never });
    const terminal = ds4(["apply", ...args]);
    await expect.poll(() => servers[0]?.attempts.length, { timeout: 60_000 }).toBeGreaterThan(0);
    expect(terminal.cursorShown()).toBe(false);
    terminal.types(ctrlC);
    expect(await terminal.ends()).toBe(130);
    expect(terminal.cursorShown()).toBe(true);
  });

  it("NO_COLOR is heeded by progress, question and result", async () => {
    const { args } = await serveSite(home, "fresh");
    const terminal = ds4(["apply", ...args], { env: { NO_COLOR: "1" } });
    await terminal.shows("Make 56 changes?");
    terminal.types(`y${enter}`);
    expect(await terminal.ends()).toBe(0);
    expect(codes(terminal.raw()).filter((code) => code.endsWith("m"))).toEqual([]);
  });

  describe("a host that isn't known yet", () => {
    const [vps, router] = [ed25519(), ed25519()];
    const keys = { vps: { hostKeys: [vps] }, router: { hostKeys: [router] } };
    const knownHosts = () => join(home, ".ssh", "known_hosts");
    const asked = async (columns?: number) => {
      const site = await serveSite(home, "in-sync", {}, undefined, keys);
      const terminal = ds4(["status", site.site], columns === undefined ? {} : { columns });
      await terminal.shows("isn't known yet. It shows the ed25519 key SHA256:");
      await terminal.shows("Is that the right host? (y/N)");
      return { ...site, terminal };
    };

    it.each([200, 40])(
      "is remembered after a yes, and the other one asked for, on %i columns",
      async (columns) => {
        const { terminal, servers } = await asked(columns);
        terminal.types(`yes${enter}`);
        await terminal.shows("Is that the right host? Yes");
        await terminal.shows("Is that the right host? (y/N)");
        terminal.types(`yes${enter}`);
        expect(await terminal.ends()).toBe(0);
        const text = terminal.screen().join("");
        for (const key of [vps, router]) {
          // In the question and in the note that it was remembered.
          expect(text.split(fingerprint(publicBlob(key)))).toHaveLength(3);
        }
        const lines = [vps, router].map((key, at) =>
          renderKnownHost(`[127.0.0.1]:${servers[at]?.port}`, publicBlob(key), false),
        );
        expect(readFileSync(knownHosts(), "utf8").trim().split("\n").sort()).toEqual(lines.sort());
      },
    );

    it("is refused after a no", async () => {
      const { terminal, scripts } = await asked();
      terminal.types(`no${enter}`);
      await terminal.shows("Is that the right host? No");
      await terminal.shows("Is that the right host? (y/N)");
      terminal.types(enter);
      expect(await terminal.ends()).toBe(1);
      expect(
        terminal
          .screen()
          .join("")
          .match(/the host key was not accepted/g),
      ).toHaveLength(2);
      expect(existsSync(knownHosts())).toBe(false);
      expect(scripts).toEqual([]);
    });

    it("is not asked for any more once a question is broken off", async () => {
      const { terminal, scripts } = await asked();
      terminal.types(ctrlC);
      expect(await terminal.ends()).toBe(1);
      const text = terminal.screen().join("");
      expect(text.split(brokenOff)).toHaveLength(2);
      expect(terminal.cursorShown()).toBe(true);
      expect(scripts).toEqual([]);
    });

    it("is not connected to when the terminal goes away", async () => {
      const { terminal, scripts } = await asked();
      await terminal.closes();
      expect(existsSync(knownHosts())).toBe(false);
      expect(scripts).toEqual([]);
    });
  });

  it("what happens during a question is shown after it", async () => {
    const key = ed25519();
    const { site, servers } = await serveSite(home, "in-sync", {}, undefined, {
      router: { hostKeys: [key] },
    });
    const known = renderKnownHost(`[127.0.0.1]:${servers[1]?.port}`, publicBlob(key), false);
    writeFileSync(join(home, ".ssh", "known_hosts"), `${known}\n`);
    const terminal = ds4(["plan", site]);
    await terminal.shows("Is that the right host? (y/N)");
    // By then, ds4 knows that the router is connected.
    await expect.poll(() => servers[1]?.commands.length, { timeout: 60_000 }).toBeGreaterThan(0);
    terminal.types(`y${enter}`);
    expect(await terminal.ends()).toBe(0);
    const [answered, connected] = ["Is that the right host? Yes", "router      connected"].map((text) =>
      stripVTControlCharacters(terminal.raw()).indexOf(text),
    );
    expect(answered).toBeGreaterThan(0);
    expect(connected).toBeGreaterThan(answered!);
    expect(terminal.screen()).toContain("✔ router      connected");
  });

  describe("the passphrase of a key", () => {
    const [passphrase, wrong] = ["correct horse", "wrong battery"];
    const key = locked(passphrase);
    const authenticate: ServerOptions["authenticate"] = (context) =>
      context.method === "publickey" && publicBlob(key).equals(context.key.data) ? true : ["publickey"];
    const asked = async () => {
      const site = await serveSite(home, "in-sync", {}, undefined, {
        vps: { authenticate },
        router: { authenticate },
      });
      writeFileSync(join(home, ".ssh", "id_ed25519"), key.private, { mode: 0o600 });
      const terminal = ds4(["status", ...site.args]);
      await terminal.shows(`Passphrase of ${home}/.ssh/id_ed25519:`);
      return { ...site, terminal };
    };

    it("is asked for once for both hosts, again where it was wrong, and never shown", async () => {
      const { terminal } = await asked();
      terminal.types(`${wrong}${enter}`);
      await terminal.shows("✔ Passphrase of");
      await terminal.shows("[input is masked]");
      terminal.types(`${passphrase}${enter}`);
      expect(await terminal.ends()).toBe(0);
      for (const secret of ["horse", "battery"]) expect(terminal.raw()).not.toContain(secret);
      expect(terminal.screen().filter((line) => line.startsWith("✔ Passphrase"))).toHaveLength(2);
      expect(terminal.cursorShown()).toBe(true);
    });

    it("is given up after three wrong ones, and the error says why", async () => {
      const { terminal } = await asked();
      for (const again of [true, true, false]) {
        terminal.types(`${wrong}${enter}`);
        await terminal.shows("✔ Passphrase of");
        if (again) await terminal.shows("[input is masked]");
      }
      expect(await terminal.ends()).toBe(1);
      expect(terminal.screen().join("")).toContain(
        "id_ed25519 has a passphrase, and the right one wasn't given",
      );
    });

    it("is broken off with Ctrl-C", async () => {
      const { terminal, scripts } = await asked();
      terminal.types(`corr${ctrlC}`);
      expect(await terminal.ends()).toBe(1);
      expect(terminal.screen().at(-1)).toBe(brokenOff);
      expect(terminal.cursorShown()).toBe(true);
      expect(scripts).toEqual([]);
    });
  });
});
