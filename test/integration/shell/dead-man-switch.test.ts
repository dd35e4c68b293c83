import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { strict } from "../../../src/converge/plan-site.js";
import {
  type Arming,
  armLines,
  confirmScript,
  onlyAfter,
  parseSwitch,
  switchProbe,
  underSwitch,
  undoNow,
} from "../../../src/core/dead-man-switch.js";
import {
  holderScript,
  leaseSeconds,
  leastLeft,
  lockProbe,
  readHolder,
  readLock,
  releaseLine,
  renewLines,
  takeLines,
} from "../../../src/core/lock.js";
import { renderContext } from "../../../src/core/plan.js";
import { group, writeFile } from "../../../src/core/script.js";
import { runScript, shells, title } from "../../shells.js";

const arming: Arming = {
  run: "0123abcd",
  command: "apply",
  hosts: ["vps", "router"],
  by: "me@laptop",
  since: "2026-01-01T00:00:00Z",
};
let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "ds4-switch-"));
  for (const folder of ["etc/rc.d", "run"]) mkdirSync(join(root, folder), { recursive: true });
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** The script for a host that is all below the test's folder, and has no systemd. */
const here = (script: string) =>
  script
    .replaceAll("/run/systemd/system", `${root}/none`)
    .replaceAll("/var/run/", `${root}/run/`)
    .replaceAll(/(?<![\w/])\/etc\//g, `${root}/etc/`);
const log = () => (existsSync(join(root, "log")) ? readFileSync(join(root, "log"), "utf8") : "");
const armed = () => existsSync(join(root, "etc/ds4-undo/armed"));

for (const shell of shells) {
  const run = (script: string) => runScript(shell, here(script));
  const arm = (seconds: number, undo: readonly string[] = [`echo undone >>${root}/log`]) =>
    expect(run(group([...strict, ...armLines("router", arming, seconds, undo)]))).toEqual({
      stdout: "",
      stderr: "",
      code: 0,
    });

  describe.skipIf(shell.missing)(title(shell, "a dead-man switch"), () => {
    it("fires by itself, once, and leaves nothing of itself", async () => {
      arm(1);
      expect(log()).toBe("");
      await vi.waitFor(() => expect(log()).toBe("undone\n"), { timeout: 15_000, interval: 100 });
      await vi.waitFor(() => expect(existsSync(join(root, "etc/ds4-undo"))).toBe(false), { timeout: 15_000 });
      expect(run(undoNow()).code).toBe(0);
      expect(log()).toBe("undone\n");
    });

    it("doesn't fire once it is confirmed, and can't be confirmed twice", async () => {
      arm(2);
      expect(run(confirmScript("router", arming.run))).toMatchObject({
        stdout: "@ds4 switch confirmed\n",
        code: 0,
      });
      expect(run(confirmScript("router", arming.run)).code).toBe(3);
      await new Promise((resolve) => setTimeout(resolve, 2500));
      expect(log()).toBe("");
      expect(existsSync(join(root, "etc/ds4-undo"))).toBe(false);
    });

    it("is not confirmed by another run", () => {
      arm(60);
      expect(run(confirmScript("router", "ffff")).code).toBe(3);
      expect(armed()).toBe(true);
      expect(run(undoNow()).code).toBe(0);
      expect(log()).toBe("undone\n");
      expect(run(confirmScript("router", arming.run)).code).toBe(3);
    });

    it("ends a change that is still running before it undoes it", async () => {
      arm(60);
      const [file, ...args] = shell.command;
      const change = spawn(file, [...args, "-s"], {
        env: { PATH: shell.path },
        stdio: ["pipe", "ignore", "ignore"],
      });
      onTestFinished(() => void change.kill("SIGKILL"));
      change.stdin.end(
        here(group(["set -eu", ...underSwitch(arming.run), "n=0", "while :; do n=$((n+1)); done"])),
      );
      const ended = new Promise((resolve) => change.on("exit", (_, signal) => resolve(signal)));
      await vi.waitFor(() => expect(existsSync(join(root, "run/ds4/change"))).toBe(true), {
        timeout: 15_000,
      });
      expect(run(undoNow()).code).toBe(0);
      expect(await ended).toBe("SIGTERM");
    });

    it("undoes a change only when what that had started is done, too", async () => {
      arm(60);
      const [file, ...args] = shell.command;
      const change = spawn(file, [...args, "-s"], {
        env: { PATH: shell.path },
        stdio: ["pipe", "ignore", "ignore"],
      });
      onTestFinished(() => void change.kill("SIGKILL"));
      // A program that goes on by itself when the script is killed.
      const program = `sh -c 'echo begun >>${root}/log; sleep 2; echo late >>${root}/log'`;
      change.stdin.end(
        here(group(["set -eu", ...underSwitch(arming.run), program, `echo never >>${root}/log`])),
      );
      await vi.waitFor(() => expect(log()).toBe("begun\n"), { timeout: 15_000 });
      expect(run(undoNow()).code).toBe(0);
      expect(log()).toBe("begun\nlate\nundone\n");
    });

    it("lets no change begin while an undo is at it", () => {
      arm(60, [
        here(group(["set -eu", ...underSwitch(arming.run), `echo changed >>${root}/log`])),
        `echo undone >>${root}/log`,
      ]);
      run(undoNow());
      expect(log()).not.toContain("changed");
    });

    it("lets no change run that it doesn't guard any more", () => {
      expect(run(group(["set -eu", ...underSwitch(arming.run), `echo changed >>${root}/log`])).code).toBe(1);
      expect(log()).toBe("");
    });

    it("stays armed where the undo fails, says why, and tries again", () => {
      arm(60, [`[ -e ${root}/mended ] || fail "the disk is full"`, `echo undone >>${root}/log`]);
      const failed = run(undoNow());
      expect(failed).toMatchObject({ code: 1, stderr: "the disk is full\n" });
      expect(armed()).toBe(true);
      writeFileSync(join(root, "mended"), "");
      expect(run(undoNow()).code).toBe(0);
      expect(armed()).toBe(false);
      expect(log()).toBe("undone\nundone\n");
    });

    it.each([
      ["the first", ["ip", "ok"]],
      ["the last", ["ok", "ip"]],
      ["one that stops", ["ok", "fail no", "ok"]],
    ])(
      "stays armed where %s of the lines that make an item fails, and goes on with the next one",
      (_, lines) => {
        const { make } = renderContext("tunnel", true, []);
        const tools = [`ip() { [ -e ${root}/mended ]; }; ok() { echo ok >>${root}/log; }`];
        arm(60, [...tools, ...make("wrap1", lines), ...make("next", ["ok"]), `echo undone >>${root}/log`]);
        expect(run(undoNow())).toMatchObject({
          code: 1,
          stderr: expect.stringContaining("tunnel wrap1 can't be made\n"),
        });
        expect(armed()).toBe(true);
        expect(log()).toMatch(/ok\nundone\n$/);
        run(confirmScript("router", arming.run));
      },
    );

    it("counts what is made without a failure as done", () => {
      const { make } = renderContext("tunnel", true, []);
      arm(60, make("wrap1", ["false || :", `echo made >>${root}/log`]));
      expect(run(undoNow())).toMatchObject({ code: 0, stderr: "" });
      expect(log()).toBe("made\n");
      expect(armed()).toBe(false);
    });

    it("stays armed where a file can't be written, and leaves the one that is there whole", () => {
      const file = join(root, "etc/mine");
      writeFileSync(file, "old");
      mkdirSync(`${file}.ds4-new`);
      const lines = writeFile(file, "new", "600");
      arm(60, lines);
      expect(run(undoNow())).toMatchObject({ code: 1, stderr: expect.stringContaining("can't be written") });
      expect(readFileSync(file, "utf8")).toBe("old");
      expect(armed()).toBe(true);
      rmSync(`${file}.ds4-new`, { recursive: true });
      expect(run(undoNow()).code).toBe(0);
      expect(readFileSync(file, "utf8")).toBe("new");
    });

    it("of a run that was taken back while it was being armed isn't armed", () => {
      expect(run(undoNow(arming.run)).code).toBe(0);
      const late = run(group([...strict, ...armLines("router", arming, 60, [`echo undone >>${root}/log`])]));
      expect(late).toMatchObject({ code: 1, stderr: "it was stopped while it was being armed\n" });
      expect(existsSync(join(root, "etc/ds4-undo"))).toBe(false);
      // And the next run's is.
      expect(run(group([...strict, ...armLines("router", { ...arming, run: "ee" }, 60, [])])).code).toBe(0);
      expect(armed()).toBe(true);
      run(undoNow());
    });

    it("of another run is neither replaced, nor undone, nor any guard", () => {
      arm(60);
      const other = { ...arming, run: "ffff" };
      expect(run(group([...strict, ...armLines("router", other, 60, ["echo other"])]))).toMatchObject({
        code: 1,
        stderr: "another change waits to be confirmed\n",
      });
      expect(run(undoNow("ffff")).code).toBe(0);
      expect(run(group(["set -eu", ...underSwitch("ffff"), `echo changed >>${root}/log`])).code).toBe(1);
      expect(log()).toBe("");
      expect(run(undoNow(arming.run)).code).toBe(0);
      expect(log()).toBe("undone\n");
    });

    it("of another run, or none, keeps what is there from being taken back step by step", () => {
      const other = { ...arming, run: "ffff" };
      const takeBack = (run: string) => [...strict, ...onlyAfter(run), `echo back >>${root}/log`];
      const refused = { code: 1, stderr: "it was changed by another run of ds4 since, or has booted\n" };
      expect(run(group(takeBack(arming.run)))).toMatchObject(refused);
      // A laptop that slept: its switch has fired, and another one's change was confirmed meanwhile.
      arm(60, []);
      run(undoNow());
      // What an undo that ended well has left all the same.
      expect(run(group(takeBack(arming.run))).code).toBe(0);
      rmSync(join(root, "log"));
      run(group([...strict, ...armLines("router", other, 60, ["echo other"])]));
      expect(run(group(takeBack(arming.run)))).toMatchObject(refused);
      run(confirmScript("router", "ffff"));
      expect(run(group(takeBack(arming.run)))).toMatchObject(refused);
      expect(log()).toBe("");
      // Its own one may, confirmed or with an undo that failed; not once another one has begun.
      expect(run(group(takeBack("ffff"))).code).toBe(0);
      arm(60, ["fail 'no'"]);
      expect(run(group(takeBack("ffff")))).toMatchObject(refused);
      expect(run(undoNow(arming.run)).code).toBe(1);
      expect(run(group(takeBack(arming.run))).code).toBe(0);
      expect(log()).toBe("back\nback\n");
      run(confirmScript("router", arming.run));
    });

    it("puts back ds4's notes of what was there before", () => {
      mkdirSync(join(root, "etc/ds4/before"), { recursive: true });
      writeFileSync(join(root, "etc/ds4/before/sysctl"), "ip_forward:0\n");
      arm(60, []);
      rmSync(join(root, "etc/ds4"), { recursive: true });
      run(undoNow());
      expect(readFileSync(join(root, "etc/ds4/before/sysctl"), "utf8")).toBe("ip_forward:0\n");
    });

    it("tells whose it is, and how long it waits", () => {
      expect(parseSwitch(run(switchProbe.script).stdout)).toBeUndefined();
      arm(60);
      const { secondsLeft, ...rest } = parseSwitch(run(switchProbe.script).stdout) ?? { secondsLeft: -1 };
      expect(rest).toEqual(arming);
      expect(secondsLeft).toBeGreaterThan(50);
      expect(secondsLeft).toBeLessThanOrEqual(60);
      run(undoNow());
    });
  });

  describe.skipIf(shell.missing)(title(shell, "the lock of a host"), () => {
    const lease = (name: string) => ({ run: name, by: `${name}@laptop`, since: "2026-01-01T00:00:00Z" });
    const take = (name: string) => {
      const { stdout, code } = run(lockProbe(lease(name)).script);
      return readLock({ stdout, code: code ?? 1 });
    };
    const file = () => join(root, "run/ds4/lock");

    it("is had by one, and tells the other who that is", () => {
      expect(take("aa")).toBeUndefined();
      expect(take("bb")).toEqual({
        by: "aa@laptop",
        since: "2026-01-01T00:00:00Z",
        secondsLeft: expect.any(Number),
      });
      expect(take("bb")?.secondsLeft).toBeLessThanOrEqual(leaseSeconds);
      expect(take("aa")).toBeUndefined();
    });

    it("is given back by its holder alone", () => {
      take("aa");
      run(group([releaseLine({ run: "bb" })]));
      expect(take("bb")).toBeDefined();
      run(group([releaseLine({ run: "aa" })]));
      expect(take("bb")).toBeUndefined();
    });

    it("of a dead run is taken over, and not renewed any more", () => {
      take("aa");
      writeFileSync(file(), readFileSync(file(), "utf8").replace(/until=\d+/, "until=0"));
      expect(take("bb")).toBeUndefined();
      expect(run(group(renewLines(lease("aa"), "exit 1"))).code).toBe(1);
      expect(take("aa")?.by).toBe("bb@laptop");
    });

    it("is kept for longer when it is renewed", () => {
      take("aa");
      writeFileSync(file(), readFileSync(file(), "utf8").replace(/until=\d+/, "until=0"));
      expect(run(group(renewLines(lease("aa"), "exit 1"))).code).toBe(0);
      expect(take("bb")).toBeDefined();
    });

    it("is taken again after it was given back, unless another run has it", () => {
      const again = (name: string) => run(group([...strict, ...takeLines(lease(name), "fail 'taken'")]));
      take("aa");
      run(group([releaseLine({ run: "aa" })]));
      for (const _ of ["once", "and again"]) expect(again("aa").code).toBe(0);
      expect(again("bb")).toMatchObject({ code: 1, stderr: "taken\n" });
      expect(take("bb")?.by).toBe("aa@laptop");
    });

    it("is looked at without being taken", () => {
      const left = () => readHolder(run(holderScript).stdout.split("\n"));
      expect(left().secondsLeft).toBeLessThan(0);
      take("aa");
      expect(left()).toMatchObject({ by: "aa@laptop", since: "2026-01-01T00:00:00Z" });
      expect(left().secondsLeft).toBeGreaterThan(leastLeft);
      expect(take("aa")).toBeUndefined();
    });

    it("is taken where its file is damaged", () => {
      take("aa");
      writeFileSync(file(), "garbage");
      expect(take("bb")).toBeUndefined();
    });
  });
}

describe("a switch that a boot should have ended", () => {
  it("has no time left", () => {
    const text = "run=ab\ncommand=teardown\nby=me\nsince=then\nuntil=900\nboot=one\nuptime=100\nbooted=two\n";
    expect(parseSwitch(text)).toMatchObject({ command: "teardown", secondsLeft: 0 });
  });
});
