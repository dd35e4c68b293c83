import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { renderContext } from "../../../src/core/plan.js";
import { quote } from "../../../src/core/script.js";
import { packages } from "../../../src/steps/vps/steps.js";
import { runScript, shells, title } from "../../shells.js";

const folder = mkdtempSync(join(tmpdir(), "ds4-packages-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const [list, log, held] = [join(folder, "packages"), join(folder, "log"), join(folder, "held")];
const tool = (name: string, text: string) =>
  writeFileSync(join(folder, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });

// Debian's alone: a router has packages of its own kind.
const [shell] = shells;
describe(title(shell, "Debian's packages"), () => {
  const run = (changes: Parameters<typeof packages.render>[0]) => {
    writeFileSync(log, "");
    const lines = packages.render(changes, { ...renderContext("", false, []), mark: () => ":" });
    const script = ["set -eu", `PATH=${quote(folder)}:$PATH`, 'fail() { echo "$*" >&2; exit 1; }', ...lines];
    const { stderr, code } = runScript(shell, script.join("\n").replace(/\/(etc|var\/run)\/ds4/g, folder));
    expect({ stderr, code }).toEqual({ stderr: "", code: 0 });
    return readFileSync(log, "utf8")
      .split("\n")
      .filter((line) => line !== "");
  };
  const change = (id: string, there: boolean) => {
    const state = { installed: true };
    return { id, fields: [], from: there ? state : undefined, to: there ? undefined : state };
  };
  /** An apt where `docker.io` needs iptables, if it is there. */
  const apt = (docker: boolean) => {
    tool("apt-mark", `[ "$1" != showhold ] || exec cat ${quote(held)}; echo "apt-mark $*" >>${quote(log)}`);
    writeFileSync(held, "");
    tool(
      "apt-get",
      `case " $* " in
*" -s "*" iptables "* | *" -s "*" iptables") echo "Purg iptables [1.8.9-2]"; ${docker ? 'echo "Purg docker.io [20.10.24]"' : ":"} ;;
*" -s "*) ;;
*" --simulate "*) printf '%s\\n' "Inst libxtables12 [1.8.9-2] (1.8.9-3 Debian)" "Inst iptables (1.8.9-3 Debian)" ;;
*) echo "\${*##* -o DPkg::Lock::Timeout=60 }" >>${quote(log)} ;;
esac`,
    );
  };

  it("that are only upgraded are not ds4's", () => {
    apt(false);
    rmSync(list, { force: true });
    run([change("iptables", false)]);
    expect(readFileSync(list, "utf8")).toBe("iptables\n");
  });

  it("are waited for where another run of apt-get has a lock that it doesn't wait for itself", () => {
    const lock = (of: string) => `E: Could not get lock ${of}. It is held by process 4106 (apt-get)`;
    apt(false);
    tool("sleep", `echo "sleep $*" >>${quote(log)}`);
    const free = readFileSync(join(folder, "apt-get"), "utf8").replace(/^.*\n/, "");
    // The lists are there after an update only, and each lock is free at the second try.
    tool(
      "apt-get",
      `case " $* " in
*" -s "*) ;;
*" update "*) file=${quote(join(folder, "lists"))}; said=${quote(lock("/var/lib/apt/lists/lock"))} ;;
*" --simulate "*) [ -e ${quote(join(folder, "lists"))} ] || exit 100 ;;
*" install "* | *" purge "*) file=${quote(join(folder, "archives"))}; said=${quote(lock("/var/cache/apt/archives/lock"))} ;;
esac
[ -z "\${file:-}" ] || [ -e "$file" ] || { : >"$file"; echo "$said" >&2; exit 100; }
${free}`,
    );
    rmSync(list, { force: true });
    const said = run([change("iptables", false)]);
    expect(said).toEqual(["sleep 2", "update", "sleep 2", expect.stringMatching(/^install .* iptables$/)]);
    rmSync(join(folder, "archives"));
    expect(run([change("iptables", true)])).toEqual(["sleep 2", expect.stringMatching(/^purge /)]);
  });

  it("that ds4 installed go again, all of them", () => {
    apt(false);
    writeFileSync(list, "conntrack\niptables\nlibip6tc2\n");
    const [said = ""] = run([change("iptables", true), change("conntrack", true)]);
    expect(said).toMatch(/purge iptables conntrack/);
    expect(said).toContain("libip6tc2");
    expect(() => readFileSync(list)).toThrow();
  });

  it("stay where somebody holds them, and are ds4's no more", () => {
    apt(false);
    writeFileSync(list, "conntrack\niptables\n");
    writeFileSync(held, "vim\niptables\n");
    const said = run([change("iptables", true), change("conntrack", true)]);
    expect(said).toEqual([expect.stringMatching(/purge( conntrack)+$/)]);
    expect(() => readFileSync(list)).toThrow();
  });

  it("stay where others have come to need them, and are apt's to remove then", () => {
    apt(true);
    writeFileSync(list, "conntrack\niptables\n");
    const said = run([change("iptables", true), change("conntrack", true)]);
    expect(said).toContain("apt-mark auto iptables");
    expect(said.filter((line) => line.includes("purge"))).toEqual([
      expect.stringMatching(/purge conntrack( conntrack)?$/),
    ]);
    expect(() => readFileSync(list)).toThrow();
  });
});
