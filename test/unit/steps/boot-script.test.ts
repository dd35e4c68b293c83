import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { renderContext } from "../../../src/core/plan.js";
import { group } from "../../../src/core/script.js";
import type { State } from "../../../src/core/state.js";
import { type BootPart, bootScript, bootScriptPath } from "../../../src/steps/linux/boot.js";
import { sysctl } from "../../../src/steps/vps/steps.js";
import { runScript, shells, title } from "../../shells.js";
import { site, vps } from "../world.js";

const folder = mkdtempSync(join(tmpdir(), "ds4-boot-script-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A step whose items say that they are made. */
const step = (
  name: string,
  up: (id: string) => readonly string[] = (id) => [`echo made ${id}`],
): BootPart => ({
  name,
  up: (id) => up(id),
});
const items = (...ids: readonly string[]) => new Map(ids.map((id): [string, State] => [id, {}]));

for (const shell of shells) {
  describe.skipIf(shell.missing)(title(shell, "the boot script"), () => {
    const script = bootScript("home", [
      [step("tunnel"), items("wrap1")],
      [step("route"), items("192.168.1.2", "192.168.1.21", "192.168.1.2/unreachable")],
    ]);
    const run = (text: string, ...args: readonly string[]) => {
      const { stdout, code } = runScript(shell, `set -- ${args.join(" ")}\n${text}`);
      return { lines: stdout.split("\n").filter((line) => line !== ""), code };
    };

    it("makes everything, in order and told item by item, where nothing is named", () => {
      expect(run(script)).toEqual({
        lines: ["wrap1", "192.168.1.2", "192.168.1.21", "192.168.1.2/unreachable"].flatMap((id, at) => [
          `@ds4 ${at === 0 ? "tunnel" : "route"} ${id}`,
          `made ${id}`,
        ]),
        code: 0,
      });
    });

    it("makes just what is named, and nothing that is only like it", () => {
      expect(run(script, "route:192.168.1.2").lines).toEqual(["@ds4 route 192.168.1.2", "made 192.168.1.2"]);
      expect(run(script, "route:192.168.1.21", "tunnel:wrap1").lines).toEqual([
        "@ds4 tunnel wrap1",
        "made wrap1",
        "@ds4 route 192.168.1.21",
        "made 192.168.1.21",
      ]);
      expect(run(script, "tunnel:wrap", "route").lines).toEqual([]);
    });

    it("stops at the first thing that fails", () => {
      const failing = bootScript("home", [
        [step("tunnel", () => ["false"]), items("wrap1")],
        [step("route"), items("x")],
      ]);
      expect(run(failing)).toEqual({ lines: ["@ds4 tunnel wrap1"], code: 1 });
    });
  });

  describe.skipIf(shell.missing)(title(shell, "forwarding"), () => {
    const top = join(folder, shell.name.replaceAll(" ", "-"));
    const proc = join(top, "proc");
    const kept = join(top, "etc/before/sysctl");
    const set = (path: string, value: string) => {
      mkdirSync(join(proc, path, ".."), { recursive: true });
      writeFileSync(join(proc, path), `${value}\n`);
    };
    const get = (path: string) => readFileSync(join(proc, path), "utf8").trim();
    const run = (lines: readonly string[]) => {
      const text = group(["set -eu", ...lines])
        .replaceAll("/proc/sys/net/ipv4", proc)
        .replaceAll("iptables-save -t nat; nft -t list ruleset", `cat ${join(top, "rules")}`)
        .replaceAll("/etc/ds4", join(top, "etc"))
        .replaceAll(bootScriptPath.replace("/etc/ds4", join(top, "etc")), ":");
      expect(runScript(shell, text)).toMatchObject({ stderr: "", code: 0 });
    };
    const render = (from: State | undefined, to: State | undefined) =>
      sysctl.render([{ id: "net.ipv4.ip_forward", from, to }], {
        ...renderContext("", false, []),
        mark: () => ":",
      });
    const probe = () => {
      const text = sysctl
        .probe(site)
        .replaceAll("/proc/sys/net/ipv4", proc)
        .replaceAll("/etc/ds4", join(top, "etc"));
      const { stdout, code } = runScript(shell, text);
      return sysctl.parse({ stdout, code: code ?? -1 }, vps, site);
    };

    it("is put back to what it was, with all that the kernel changes along", () => {
      set("ip_forward", "0");
      set("conf/all/forwarding", "0");
      set("conf/eth0/forwarding", "0");
      set("conf/wg0/forwarding", "1");
      set("conf/all/accept_redirects", "1");
      expect(probe()).toEqual(new Map());

      run(render(undefined, { value: "1" }));
      // What the kernel does when ip_forward is written (the boot script isn't there in this test).
      for (const path of ["ip_forward", "conf/all/forwarding", "conf/eth0/forwarding"]) set(path, "1");
      set("conf/all/accept_redirects", "0");
      expect(probe()).toEqual(new Map([["net.ipv4.ip_forward", { value: "1" }]]));

      // Made again, it forgets nothing of what was there first.
      run(render(undefined, { value: "1" }));
      rmSync(join(proc, "conf/wg0"), { recursive: true });
      run(render({ value: "1" }, undefined));
      expect(get("ip_forward")).toBe("0");
      expect(get("conf/eth0/forwarding")).toBe("0");
      expect(get("conf/all/accept_redirects")).toBe("1");
      expect(() => readFileSync(kept)).toThrow("ENOENT");
      expect(probe()).toEqual(new Map());
    });

    it("stays on where somebody has come to share an address here", () => {
      set("ip_forward", "0");
      run(render(undefined, { value: "1" }));
      set("ip_forward", "1");
      writeFileSync(join(top, "rules"), "-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE\n");
      run(render({ value: "1" }, undefined));
      rmSync(join(top, "rules"));
      expect(get("ip_forward")).toBe("1");
      expect(() => readFileSync(kept)).toThrow("ENOENT");
    });
  });
}
