import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { renderContext } from "../../../src/core/plan.js";
import { quote } from "../../../src/core/script.js";
import { packages } from "../../../src/steps/router/packages.js";
import { runScript, shells, title } from "../../shells.js";
import { router, site } from "../world.js";

const folder = mkdtempSync(join(tmpdir(), "ds4-router-packages-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const [list, status, world, waits] = ["packages", "status", "world", "waits"].map((name) =>
  join(folder, name),
) as [string, string, string, string];
const tool = (name: string, text: string) =>
  writeFileSync(join(folder, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
const stanza = (name: string, state = "user installed") =>
  `Package: ${name}\nVersion: 1\nStatus: install ${state}\n\n`;

/** What comes along with what is asked for. */
const along = `case $p in kmod-ip6-tunnel) echo kmod-tunnel6 ;; esac; echo $p`;

/** An opkg that refuses all while another one runs, and an apk. Both have a package of the user's. */
const tools = {
  opkg: (locked: boolean) => {
    writeFileSync(status, stanza("mine") + stanza("gone", "ok not-installed"));
    tool(
      "opkg",
      locked
        ? 'echo "Could not lock /var/lock/opkg.lock" >&2; exit 255'
        : `verb=$1; shift
for p; do case $verb in
install) for q in $(${along}); do printf 'Package: %s\\nStatus: install user installed\\n\\n' $q >>${quote(status)}; done ;;
remove) sed -i "/^Package: $p\\$/,/^\\$/d" ${quote(status)} ;;
esac; done`,
    );
  },
  apk: (locked: boolean) => {
    writeFileSync(world, "mine\n");
    tool(
      "apk",
      `verb=$1; shift
[ $verb = info ] && exec cat ${quote(world)}
${locked ? 'echo "ERROR: Unable to lock database: temporary error"; exit 99' : ""}
for p; do case $verb in
add) (${along}) >>${quote(world)} ;;
del) sed -i "/^$p\\$/d" ${quote(world)} ;;
esac; done`,
    );
  },
};
const installed = {
  opkg: () =>
    [...readFileSync(status, "utf8").matchAll(/Package: (\S+)\n(?:Version.*\n)?Status: .* installed\n/g)].map(
      ([, name]) => name,
    ),
  apk: () => readFileSync(world, "utf8").trim().split("\n"),
};

const script = (lines: readonly string[]) =>
  ["set -eu", `PATH=${quote(folder)}:$PATH`, 'fail() { echo "$*"; exit 1; }', ...lines]
    .join("\n")
    .replaceAll("/etc/ds4", folder)
    .replaceAll("/usr/lib/opkg/status", status);
const change = (id: string, there: boolean) => {
  const state = { installed: true };
  return { id, fields: [], from: there ? state : undefined, to: there ? undefined : state };
};
const both = (there: boolean) => ["kmod-ip6-tunnel", "ip-tiny"].map((id) => change(id, there));

describe.each(shells.flatMap((shell) => (["opkg", "apk"] as const).map((manager) => ({ shell, manager }))))(
  "a router's packages",
  ({ shell, manager }) => {
    const named = title(shell, manager);
    const run = (changes: ReturnType<typeof both>) =>
      runScript(
        shell,
        script(packages.render(changes, { ...renderContext("", false, []), mark: () => ":" })),
      );
    const read = () => {
      const { stdout, code } = runScript(shell, script([packages.probe(site)]));
      return [...packages.parse({ stdout, code: code ?? 1 }, router, site).keys()];
    };

    beforeEach(() => {
      for (const name of ["opkg", "apk", "packages", "packages.before", "sleep", "waits"])
        rmSync(join(folder, name), { force: true });
      tools[manager](false);
    });

    it.skipIf(shell.missing)(`${named}: all that came is ds4's, and goes again, and nothing else`, () => {
      expect(run(both(false))).toMatchObject({ code: 0, stderr: "" });
      expect(readFileSync(list, "utf8")).toBe("ip-tiny\nkmod-ip6-tunnel\nkmod-tunnel6\n");
      expect(read().sort()).toEqual(["ip-tiny", "kmod-ip6-tunnel"]);
      expect(run(both(true))).toMatchObject({ code: 0, stderr: "" });
      expect(installed[manager]()).toEqual(["mine"]);
      expect(() => readFileSync(list)).toThrow();
    });

    it.skipIf(shell.missing)(
      `${named}: while somebody else uses it, it is read all the same, and a change fails and leaves all`,
      () => {
        run(both(false));
        const before = installed[manager]();
        if (manager === "opkg") tool("opkg", "exit 255");
        tool("sleep", `echo waits >>${quote(waits)}`);
        expect(read().sort()).toEqual(["ip-tiny", "kmod-ip6-tunnel"]);
        rmSync(list);
        tools[manager](true);
        const { stdout, code } = run(both(false));
        expect(code).toBe(1);
        expect(stdout).toMatch(/(opkg install|apk add) failed: .* lock /);
        // For as long as somebody is at it, half a minute: to install, to update, and to install again.
        expect(readFileSync(waits, "utf8").split("\n")).toHaveLength(91);
        run(both(true));
        expect(installed[manager]()).toEqual(["mine"]);
        expect(before).toContain("kmod-tunnel6");
      },
    );
  },
);
