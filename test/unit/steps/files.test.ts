import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { renderContext } from "../../../src/core/plan.js";
import { group } from "../../../src/core/script.js";
import type { Items } from "../../../src/core/state.js";
import { fileState, parseFiles, probeFiles, renderFiles } from "../../../src/steps/files.js";
import { runScript, shells, title } from "../../shells.js";

const folder = mkdtempSync(join(tmpdir(), "ds4-files-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const owner = String(process.getuid?.() ?? 0);

for (const shell of shells) {
  describe.skipIf(shell.missing)(title(shell, "the files of a host"), () => {
    const here = (name: string) => join(folder, shell.name.replaceAll(" ", "-"), name);
    const read = (...names: readonly string[]): Items => {
      const { stdout, code } = runScript(shell, `(${probeFiles(names.map(here))}) 2>&1`);
      return parseFiles({ stdout, code: code ?? -1 });
    };
    const write = (name: string, content: string, mode = 0o644) => {
      mkdirSync(here("."), { recursive: true });
      writeFileSync(here(name), content);
      chmodSync(here(name), mode);
    };

    it("are read with mode, owner and content, and those that aren't there are left out", () => {
      write("plain", "one\ntwo\n");
      write("script", "#!/bin/sh\n", 0o755);
      write("secret", "x\n", 0o600);
      expect(read("plain", "missing", "script", "secret")).toEqual(
        new Map([
          [here("plain"), { mode: "644", owner, content: "one\ntwo\n" }],
          [here("script"), { mode: "755", owner, content: "#!/bin/sh\n" }],
          [here("secret"), { mode: "600", owner, content: "x\n" }],
        ]),
      );
    });

    it("are none where none is there, and where there are only folders", () => {
      mkdirSync(here("folder"), { recursive: true });
      expect(read("missing", "folder")).toEqual(new Map());
    });

    it("are found by a pattern", () => {
      mkdirSync(here("a.network.d"), { recursive: true });
      write("a.network.d/ds4.conf", "[Address]\n");
      expect([...read("*.network.d/ds4.conf").keys()]).toEqual([here("a.network.d/ds4.conf")]);
    });

    it.each([
      ["is empty", ""],
      ["holds empty lines only", "\n\n"],
      [
        "looks like the probe's own output",
        "|x\nfile /etc/passwd\n-rw-r--r-- 1 0 0 1 Jan 1 00:00 /etc/passwd\n",
      ],
      ["holds what a shell would read", "$(id) `id` 'it\\'s' \"x\" \\n %s\n\ttab\r\n"],
      ["holds other alphabets", "größer → 家\n"],
    ])("are read as they are when one %s", (_, content) => {
      write("other", "kept\n");
      write("file", content);
      write("zlast", "kept, too\n");
      const files = read("other", "file", "zlast");
      expect(files.get(here("file"))?.content).toBe(content);
      expect(files.get(here("other"))?.content).toBe("kept\n");
      expect(files.get(here("zlast"))?.content).toBe("kept, too\n");
    });

    it("differ from what is wanted by content, mode and a missing file", () => {
      const wanted = fileState("right\n", "644");
      write("drift", "right\n");
      expect(read("drift").get(here("drift"))).toEqual({ ...wanted, owner });
      write("drift", "right\nwrong\n");
      expect(read("drift").get(here("drift"))?.content).toBe("right\nwrong\n");
      write("drift", "right\n", 0o664);
      expect(read("drift").get(here("drift"))?.mode).toBe("664");
    });

    it("are missing where a link stands in for one", () => {
      write("target", "right\n", 0o600);
      rmSync(here("link"), { force: true });
      symlinkSync(here("target"), here("link"));
      expect(read("link")).toEqual(new Map());
    });

    it("are written as they are wanted, and removed again", () => {
      const path = here("new/deep/file");
      const context = { ...renderContext("", false, []), mark: (id: string) => `echo at ${id}` };
      const to = { ...fileState("it's $HOME\n", "755"), owner };
      const made = runScript(shell, group(["set -eu", ...renderFiles([{ id: path, to }], context)]));
      expect(made).toEqual({ stdout: `at ${path}\n`, stderr: "", code: 0 });
      expect(read("new/deep/file")).toEqual(new Map([[path, to]]));
      expect(runScript(shell, group(renderFiles([{ id: path, from: to }], context))).code).toBe(0);
      expect(read("new/deep/file")).toEqual(new Map());
    });
  });
}

describe("what a probe of files printed", () => {
  it("is an error where the probe failed", () => {
    expect(() => parseFiles({ stdout: "ls: /etc/ds4/site: Permission denied\n", code: 1 })).toThrow(
      "Permission denied",
    );
  });

  it("is an error where a mode has an unknown form", () => {
    const line = "-?????????    1 0        0               12 Jan  1 00:00 /etc/ds4/site\n";
    expect(() => parseFiles({ stdout: line, code: 0 })).toThrow("a file's mode has an unknown form");
  });
});
