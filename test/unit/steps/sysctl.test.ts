import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { renderContext } from "../../../src/core/plan.js";
import { quote } from "../../../src/core/script.js";
import { sysctl } from "../../../src/steps/vps/steps.js";
import { runScript, shells, title } from "../../shells.js";

const root = mkdtempSync(join(tmpdir(), "ds4-sysctl-"));
const file = (path: string, text: string, mode = 0o644) => {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text, { mode });
};
const forwarding = () => readFileSync(join(root, "proc/sys/net/ipv4/ip_forward"), "utf8").trim();

// Debian's alone: a router forwards anyway.
const [shell] = shells;
describe(title(shell, "forwarding, at a teardown"), () => {
  beforeEach(() => {
    rmSync(root, { recursive: true, force: true });
    file("proc/sys/net/ipv4/ip_forward", "1\n");
    file("etc/ds4/before/sysctl", "ip_forward:0\n");
    for (const tool of ["iptables-save", "nft"]) file(`bin/${tool}`, "#!/bin/sh\n", 0o755);
  });
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  const teardown = () => {
    const change = { id: "net.ipv4.ip_forward", fields: [], from: { value: "1" }, to: undefined };
    const lines = sysctl.render([change], { ...renderContext("", false, []), mark: () => ":" });
    const script = ["set -eu", ...lines].join("\n").replace(/\/(etc|proc|run|usr)\//g, `${root}/$1/`);
    const path = `PATH=${quote(join(root, "bin"))}:$PATH\n`;
    expect(runScript(shell, path + script)).toMatchObject({ stderr: "", code: 0 });
  };

  it("is again what it was", () => {
    file("etc/sysctl.d/50-mine.conf", "# net.ipv4.ip_forward = 1\nnet.ipv4.ip_forward = 0\n");
    teardown();
    expect(forwarding()).toBe("0");
  });

  it("stays where somebody has come to share an address", () => {
    file("bin/iptables-save", "#!/bin/sh\necho '-A POSTROUTING -s 172.17.0.0/16 -j MASQUERADE'\n", 0o755);
    teardown();
    expect(forwarding()).toBe("1");
  });

  it.each([
    ["etc/sysctl.conf", "net.ipv4.ip_forward=1"],
    ["etc/sysctl.d/50-mine.conf", "  -net.ipv4.ip_forward = 1"],
    ["usr/lib/sysctl.d/50-vpn.conf", "net.ipv4.conf.all.forwarding = 1"],
    ["run/sysctl.d/50-vpn.conf", "net/ipv4/conf/all/forwarding=1"],
    ["etc/ufw/sysctl.conf", "net/ipv4/ip_forward=1"],
  ])("stays where somebody has it in %s: %s", (path, line) => {
    file(path, `# mine\n${line}\n`);
    teardown();
    expect(forwarding()).toBe("1");
  });
});
