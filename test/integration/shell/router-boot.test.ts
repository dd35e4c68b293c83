import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { renderContext } from "../../../src/core/plan.js";
import { group } from "../../../src/core/script.js";
import { type Change, diff, type Items } from "../../../src/core/state.js";
import { boot } from "../../../src/steps/router/boot.js";
import { runScript, shells, title } from "../../shells.js";
import { router, site, world } from "../../unit/world.js";

const folder = mkdtempSync(join(tmpdir(), "ds4-boot-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const conf = join(folder, "sysupgrade.conf");
/** A script of the step, on a file of this test. */
const here = (script: string) => script.replaceAll("/etc/sysupgrade.conf", conf);

const desired = new Map([...boot.desired(world())].filter(([id]) => id !== "ds4"));

for (const shell of shells) {
  describe.skipIf(shell.missing)(title(shell, "what a firmware upgrade keeps"), () => {
    const read = (): Items => {
      const { stdout, code } = runScript(shell, `(${here(boot.probe(site))}) 2>&1`);
      return new Map(
        [...boot.parse({ stdout, code: code ?? -1 }, router, site)].filter(([id]) => id !== "ds4"),
      );
    };
    const change = (changes: readonly Change[]) => {
      const lines = boot.render(changes, { ...renderContext("", false, []), mark: () => ":" });
      expect(runScript(shell, here(group(["set -eu", ...lines])))).toMatchObject({ stderr: "", code: 0 });
    };

    it.each([
      ["is commented only", "## This file contains files and directories\n# /etc/example.conf\n"],
      ["lists other files", "/etc/openvpn/\n/root/.profile\n"],
      ["ends without a newline", "/etc/openvpn/"],
      ["lists a longer path than ours", "/etc/ds4/site\n/etc/init.d/ds4b\n"],
    ])("is added to a list that %s, and taken off it again", (_, text) => {
      writeFileSync(conf, text);
      expect(read()).toEqual(new Map());
      change(diff(read(), desired));
      expect(read()).toEqual(desired);
      const lines = readFileSync(conf, "utf8").split("\n");
      for (const line of text.split("\n").filter((one) => one !== "")) expect(lines).toContain(line);
      change(diff(read(), new Map()));
      expect(read()).toEqual(new Map());
      expect(readFileSync(conf, "utf8")).toBe(text.endsWith("\n") ? text : `${text}\n`);
    });

    it.each([
      ["read", 'grep() { case $1 in -vxF) return 2 ;; *) command grep "$@" ;; esac; }'],
      ["copied", "cp() { return 1; }"],
      ["put in its place", "mv() { return 1; }"],
    ])("loses nothing where the list can't be %s", (_, broken) => {
      const text = "/etc/openvpn/\n/etc/ds4/\n";
      writeFileSync(conf, text);
      const fail = 'fail() { echo "$*"; exit 1; }';
      for (const changes of [diff(read(), new Map()), diff(read(), desired)]) {
        const lines = boot.render(changes, { ...renderContext("", false, []), mark: () => ":" });
        const { stdout, code } = runScript(shell, here(group(["set -eu", fail, broken, ...lines])));
        if (code === 0) continue; // what it needs isn't broken
        expect(stdout).toContain("can't be written");
        expect(readFileSync(conf, "utf8")).toBe(text);
      }
      expect(readFileSync(conf, "utf8")).toContain("/etc/openvpn/");
    });

    it("leaves nothing of a script that was cut off, whichever way that is taken back", () => {
      writeFileSync(conf, "/etc/openvpn/\n");
      for (const [from, to] of [
        [desired, new Map()],
        [new Map(), desired],
      ] satisfies (readonly [Items, Items])[]) {
        change(diff(read(), to));
        writeFileSync(`${conf}.ds4-new`, "/etc/openvpn/\n");
        // It is there already: the script ended before the new list came to its place.
        change(diff(from, to));
        expect(read()).toEqual(to);
        expect(existsSync(`${conf}.ds4-new`)).toBe(false);
      }
    });

    it("makes the list where there is none, and leaves none behind", () => {
      rmSync(conf, { force: true });
      change(diff(read(), desired));
      expect(read()).toEqual(desired);
      change(diff(read(), new Map()));
      expect(existsSync(conf)).toBe(false);
    });

    it("is mended one by one, without doubling the rest", () => {
      writeFileSync(conf, "");
      const [first] = desired;
      change(diff(new Map(), new Map(first ? [first] : [])));
      change(diff(read(), desired));
      const lines = readFileSync(conf, "utf8").trim().split("\n");
      expect(new Set(lines).size).toBe(lines.length);
      expect(lines).toHaveLength(desired.size);
    });
  });
}
