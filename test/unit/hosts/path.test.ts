import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { quote } from "../../../src/core/script.js";
import { measurePath, parsePath, pathProbe } from "../../../src/hosts/vps/path.js";
import { runScript, shells, title } from "../../shells.js";

const folder = mkdtempSync(join(tmpdir(), "ds4-path-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const [note, asked] = [join(folder, "site"), join(folder, "asked")];

/** A network over which packets of up to so many bytes come back; `lo` is the way out. */
const network = (
  largest: number,
) => `ip() { echo "2001:db8:100::1 from :: via fe80::1 dev lo src 2001:db8:1::10 metric 1024"; }
ping() {
  echo "$*" >>${quote(asked)}
  while [ $# -gt 1 ]; do [ "$1" != -s ] || size=$2; shift; done
  [ "$size" -le ${largest - 48} ]
}
`;

for (const shell of shells) {
  describe.skipIf(shell.missing)(title(shell, "the path to the router"), () => {
    const run = (script: string, largest = 1460) => {
      writeFileSync(asked, "");
      const { stdout, stderr, code } = runScript(shell, network(largest) + script);
      expect({ stderr, code }).toEqual({ stderr: "", code: 0 });
      const path = parsePath({ stdout, code: code ?? -1 });
      const sorted = (sizes: readonly number[] = []) => [...sizes].sort((a, b) => b - a);
      return path && { answered: sorted(path.answered), silent: sorted(path.silent) };
    };
    const probe = pathProbe.script.replaceAll("/etc/ds4/site", note);

    it("is measured in the sizes that are met, up to the one that comes back", () => {
      const path = run(measurePath("2001:db8:100::1"));
      expect(path?.silent).toEqual([1500, 1492, 1488, 1480, 1476, 1472, 1468]);
      expect(path?.answered[0]).toBe(1460);
      expect(path?.answered.at(-1)).toBe(1280);
    });

    it("is measured with the two most usual sizes where one of them comes back", () => {
      for (const largest of [1500, 1492]) {
        const path = run(measurePath("2001:db8:100::1"), largest);
        expect(path?.answered[0]).toBe(largest);
        expect(readFileSync(asked, "utf8")).not.toMatch(/-s (?!1452|1444)/);
      }
    });

    it("is asked again for the size in use, and for the link's own", () => {
      writeFileSync(note, "remote=2001:db8:100::1\nmtu=1400\n");
      const link = Number(readFileSync("/sys/class/net/lo/mtu", "utf8"));
      expect(run(probe)).toEqual({ answered: [1440], silent: [link] });
      expect(readFileSync(asked, "utf8")).toMatch(/-s 1392 2001:db8:100::1$/m);
    });

    it("isn't asked for where ds4 is not, or what it wrote down is no address and number", () => {
      rmSync(note, { force: true });
      expect(run(probe)).toBeUndefined();
      for (const text of ["remote=$(id)\nmtu=1400\n", "remote=2001:db8::1\nmtu=a[1]\n", ""]) {
        writeFileSync(note, text);
        expect(run(probe), text).toBeUndefined();
        expect(readFileSync(asked, "utf8")).toBe("");
      }
    });
  });
}
