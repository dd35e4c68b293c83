import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Shell } from "../../../src/core/shell.js";
import { recordedShell } from "../../cases/recorded-shell.js";
import { type Behaviour, fakeHost } from "../../unit/transaction/fake-host.js";
import { answering, type ServerOptions, startServer } from "../ssh/test-server.js";

/** Hosts as recorded in `state`, behind SSH servers, and a site of theirs. `scripted` answers what no recording has. */
export async function serveSite(
  folder: string,
  state: "fresh" | "in-sync",
  behaviour: Behaviour | ((host: string) => Behaviour) = {},
  scripted: (script: string, stdout: string, host: string) => string | Promise<string> = (_, stdout) =>
    stdout,
  options: Partial<Record<"vps" | "router", ServerOptions>> = {},
) {
  const hosts = (["vps", "router"] as const).map((label) =>
    fakeHost(label, [state, "in-sync"], typeof behaviour === "function" ? behaviour(label) : behaviour),
  );
  /** All that the hosts were told to run. */
  const scripts: string[] = [];
  const run = async ({ label, run }: Shell, script: string) => {
    scripts.push(script);
    const marker = /@@[0-9a-f]{12} /.exec(script)?.[0];
    if (marker === undefined && script.includes("ping -6"))
      return recordedShell(state, label as "vps").run(script);
    if (marker === undefined && !/undo|switch|@ds4 /.test(script)) return { stdout: "", stderr: "", code: 0 };
    const lock = marker === undefined ? "" : `${marker}lock\ntaken\n${marker}= 0\n`;
    const read = await run(script);
    return { ...read, stdout: lock + read.stdout };
  };
  const servers: Awaited<ReturnType<typeof startServer>>[] = [];
  for (const host of hosts) {
    const server = await startServer({
      ...options[host.label as "vps"],
      onExec: answering(async (script, channel) => {
        const { stdout, stderr, code } = await run(host, script);
        channel.write(await scripted(script, stdout, host.label));
        channel.stderr.write(stderr);
        channel.exit(code);
        channel.end();
      }),
    });
    servers.push(server);
  }
  const [vps, router] = servers.map(({ port }) => `{ ssh: "ssh://root@127.0.0.1:${port}" }`);
  const site = join(folder, "lab.yaml"); // as the recorded hosts name it
  writeFileSync(site, `vps: ${vps}\nrouter: ${router}\nserver: 192.168.1.210\n`);
  /** How often a host was told to give its lock back. */
  const releases = () => scripts.filter((script) => script.includes("rm -f /var/run/ds4/lock")).length;
  return { hosts, scripts, releases, servers, site, args: [site, "--accept-new-host-key"] };
}
