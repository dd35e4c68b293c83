import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { renderContext } from "../../../src/core/plan.js";
import { quote } from "../../../src/core/script.js";
import { persistence } from "../../../src/steps/vps/steps.js";
import { runScript, shells, title } from "../../shells.js";

const folder = mkdtempSync(join(tmpdir(), "ds4-networkd-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const tool = (name: string, text: string) =>
  writeFileSync(join(folder, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });

const [shell] = shells;
describe(title(shell, "what systemd-networkd takes away when it is reloaded"), () => {
  it("comes back, whatever form `ip` shows it in (iproute2 6.1)", () => {
    const log = join(folder, "log");
    writeFileSync(log, "");
    tool("networkctl", `: >${quote(join(folder, "reloaded"))}`);
    tool("systemctl", ":");
    tool("sleep", ":");
    tool(
      "ip",
      `case "$*" in
*add*) printf '%s\\n' "$*" >>${quote(log)}; exit ;;
*-4*) [ ! -e ${quote(join(folder, "reloaded"))} ] || exit 0 ;;
*) exit 0 ;;
esac
case "$*" in
*rule*) printf '%s\\n' '5100:	not from all fwmark 0xca6c lookup 51820' '5200:	from all iif wg0 [detached] lookup 7' ;;
-o*) printf '%s\\n' '10.5.0.0/16 via 203.0.113.9 dev eth0 ' '10.7.0.0/16 \\	nexthop via 203.0.113.8 dev eth0 weight 1 \\	nexthop via 203.0.113.9 dev eth0 weight 1 ' ;;
*) printf '%s\\n' '10.5.0.0/16 via 203.0.113.9 dev eth0 ' '10.7.0.0/16 ' '	nexthop via 203.0.113.8 dev eth0 weight 1 ' '	nexthop via 203.0.113.9 dev eth0 weight 1 ' ;;
esac`,
    );
    const from = { mode: "644", owner: "0", content: "" };
    const id = "/etc/systemd/network/00-ds4.network";
    const lines = persistence
      .render([{ id, from, to: undefined }], { ...renderContext("", false, []), mark: () => ":" })
      .filter((line) => !line.includes("/etc/systemd"));
    const script = ["set -eu", `PATH=${quote(folder)}:$PATH`, ...lines].join("\n");
    const { stderr, code } = runScript(shell, script.replaceAll("/var/run/ds4", join(folder, "run")));
    expect({ stderr, code }).toEqual({ stderr: "", code: 0 });
    expect(readFileSync(log, "utf8").trim().split("\n")).toEqual([
      "-4 rule add not from all fwmark 0xca6c lookup 51820 priority 5100",
      "-4 rule add from all iif wg0 lookup 7 priority 5200",
      "-4 route add 10.5.0.0/16 via 203.0.113.9 dev eth0",
      "-4 route add 10.7.0.0/16 nexthop via 203.0.113.8 dev eth0 weight 1 nexthop via 203.0.113.9 dev eth0 weight 1",
    ]);
  });
});
