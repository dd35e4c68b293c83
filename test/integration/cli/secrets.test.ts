import { spawnSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import ssh2, { type AuthContext } from "ssh2";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Behaviour } from "../../unit/transaction/fake-host.js";
import { ed25519, type Key, locked, makeHome, noAgent, publicBlob, startAgent } from "../ssh/test-server.js";
import { compileCli } from "./run-cli.js";
import { serveSite } from "./serve-site.js";
import { onTerminal } from "./terminal.js";

let compiled = "";
beforeAll(() => {
  compiled = compileCli();
});
afterAll(() => rmSync(compiled, { recursive: true, force: true }));

const [passphrase, wrong] = ["0pen-Sesame-passphrase", "Close-Sesame-passphrase"];

/** What of a key nobody else may see, line by line: as it is in its file, and without its passphrase. */
function linesOf(key: Key): string[] {
  const parsed = ssh2.utils.parseKey(key.private, passphrase);
  if (parsed instanceof Error) throw parsed;
  return `${key.private}\n${parsed.getPrivatePEM()}`.split("\n").filter((line) => line.length > 30);
}

const failing: Behaviour = { change: () => ({ code: 1, stderr: "no" }) };

describe.skipIf(noAgent || spawnSync("script", ["--version"]).status !== 0)("on a terminal, ds4", () => {
  it.each<[string, string, Behaviour]>([
    ["status --json", "that goes well", {}],
    ["plan --script", "that goes well", {}],
    ["plan --script --json", "that goes well", {}],
    ["apply --yes", "that goes well", {}],
    ["apply --yes", "that fails", failing],
    ["apply --yes --json", "that fails", failing],
  ])(
    "%s %s shows no secret and sends none",
    async (command, _, behaviour) => {
      const [inFile, inAgent] = [locked(passphrase), ed25519()];
      const cameIn = new Set<string>();
      /** The VPS's user has the key with a passphrase, and the router's has the agent's. */
      const authenticate = (context: AuthContext) => {
        if (context.method !== "publickey") return ["publickey"];
        const own = context.username === "admin" ? inFile : inAgent;
        const takes = publicBlob(own).equals(context.key.data);
        if (takes && context.signature) cameIn.add(context.username);
        return takes || ["publickey"];
      };
      const { home, write } = makeHome();
      const socket = await startAgent(home, write("held", inAgent.private));
      write("id_ed25519", inFile.private);
      const server = { authenticate };
      const served = await serveSite(home, "fresh", behaviour, undefined, { vps: server, router: server });
      const { site, args, scripts, servers, hosts } = served;
      writeFileSync(site, readFileSync(site, "utf8").replace("root@", "admin@"));

      const cli = join(compiled, "dist", "cli.js");
      const terminal = onTerminal([process.execPath, cli, command, ...args, "-F", "none"].join(" "), home, {
        columns: 1000, // no line is broken within a secret
        env: { SSH_AUTH_SOCK: socket },
      });
      await terminal.shows(`Passphrase of ${home}/.ssh/id_ed25519:`);
      terminal.types(`${wrong}\r`);
      await terminal.shows("✔ Passphrase of");
      await terminal.shows("[input is masked]");
      terminal.types(`${passphrase}\r`);
      await terminal.ends();

      // Otherwise this would prove nothing: it came in with both keys, by sudo, and did what it was to do.
      expect(cameIn).toEqual(new Set(["admin", "root"]));
      const commands = servers.flatMap((own) => own.commands);
      expect(commands.join("\n")).toMatch(/^sudo -n .* sh -s$/m);
      for (const { ran } of hosts) expect(ran).toContain(command.startsWith("apply") ? "change" : "read");
      const shown = stripVTControlCharacters(terminal.raw());
      for (const text of [shown, ...commands, ...scripts])
        for (const secret of [passphrase, wrong, socket, ...linesOf(inFile), ...linesOf(inAgent)])
          expect(text).not.toContain(secret);
    },
    30_000,
  );
});
