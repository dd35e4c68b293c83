import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { rulesProbe } from "../../../src/steps/policy-rules.js";
import { runScript, shells, title } from "../../shells.js";

const root = mkdtempSync(join(tmpdir(), "ds4-tables-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

for (const shell of shells) {
  describe.skipIf(shell.missing)(title(shell, "the names of routing tables"), () => {
    it("are read from all files, without what is commented out, and need not be there", () => {
      const script = `ip() { echo "32766:	from all lookup main"; }\n${rulesProbe.replaceAll("/etc/", `${root}/`)}`;
      rmSync(join(root, "iproute2"), { recursive: true, force: true });
      expect(runScript(shell, script)).toMatchObject({
        stdout: expect.not.stringContaining("named"),
        code: 0,
      });
      mkdirSync(join(root, "iproute2/rt_tables.d"), { recursive: true });
      writeFileSync(join(root, "iproute2/rt_tables"), "#\n255\tlocal\n#42\tnone\n 42  home # the tunnel\n");
      writeFileSync(join(root, "iproute2/rt_tables.d/vpn.conf"), "142 vpn\n");
      const { stdout, code } = runScript(shell, script);
      expect(stdout.split("\n").filter((line) => line.startsWith("named"))).toEqual([
        "named 255 local",
        "named 42 home",
        "named 142 vpn",
      ]);
      expect(code).toBe(0);
    });
  });
}
