#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import type { Result } from "./report/result.js";

// Whoever reads along may go away in the middle of a change (`| tee log` and Ctrl-C, a closed terminal): that must
// not end ds4 before the hosts are back. Any other reason, such as a full disk, shows in the exit status.
let lost = false;
const ignore = ({ code }: NodeJS.ErrnoException) => {
  lost ||= code !== "EPIPE" && code !== "EIO";
};
for (const stream of [process.stdout, process.stderr]) stream.on("error", ignore);
process.on("exit", () => {
  if (lost) process.exitCode = 1;
});
// chalk knows only FORCE_COLOR, which it reads when a command is imported.
if (process.env.NO_COLOR) process.env.FORCE_COLOR = "0";
// Also where the options are wrong, a program gets its one object, and nothing beside it.
const json = process.argv.includes("--json");

// Commands are imported when they run: `ds4 --help` answers at once.
const { version, engines } = JSON.parse(
  readFileSync(new URL("../package.json", import.meta.url), "utf8"),
) as {
  version: string;
  engines: { node: string };
};

const program = new Command("ds4")
  .exitOverride()
  .configureOutput(json ? { writeErr: () => {} } : {})
  .description("A real public IPv4 for a home behind DS-Lite or carrier-grade NAT.")
  .version(version)
  .showHelpAfterError("(ds4 --help shows what there is)")
  .addHelpText(
    "after",
    `
A site is a file inventory/<site>.yaml; its name can be left out where there is only one.
Exit status: 0 done or in sync, 1 failed, 2 something to change (status and plan).`,
  );

/** A command on a site, with the options that all have. */
function siteCommand(name: string, description: string): Command {
  return program
    .command(name)
    .description(description)
    .showHelpAfterError(`(ds4 ${name} --help shows what there is)`)
    .argument("[site]", "name of the site, or its file")
    .addOption(new Option("-i, --inventory <folder>", "where the site files are").default("inventory"))
    .option("--json", "print one JSON object instead of text")
    .option("-F, --ssh-config <file>", "use this file instead of ~/.ssh/config")
    .option("--accept-new-host-key", "trust a host that isn't in known_hosts yet, and remember it");
}

const yes = () => new Option("-y, --yes", "don't ask before changing anything");

/** An option that takes a whole number. */
const count = (flags: string, description: string, least: number, most: number, unit = "numbers") =>
  new Option(flags, description).argParser((text) => {
    const number = Number(text);
    if (!Number.isInteger(number) || number < least || number > most) {
      throw new InvalidArgumentError(`It takes whole ${unit}, from ${least} to ${most}.`);
    }
    return number;
  });

const confirmWithin = () =>
  count(
    "--confirm-within <seconds>",
    "when the hosts go back by themselves unless the change is proved: 10 to 3600 (default: 60, or 240 where packages have to be installed)",
    10,
    3600,
    "seconds",
  );

siteCommand("apply", "set up the hosts as the inventory says")
  .addOption(yes())
  .addOption(confirmWithin())
  .action(async (site, options) => {
    const { apply } = await import("./commands/apply.js");
    process.exitCode = await apply(site, options);
  });
siteCommand("status", "show what differs from what is wanted").action(async (site, options) => {
  const { status } = await import("./commands/status.js");
  process.exitCode = await status(site, options);
});
siteCommand("plan", "show what apply would do")
  .option("--script", "print the very scripts that apply would run")
  .action(async (site, options) => {
    const { plan } = await import("./commands/plan.js");
    process.exitCode = await plan(site, options);
  });
siteCommand("teardown", "put the hosts back as they were")
  .addOption(yes())
  .addOption(confirmWithin())
  .action(async (site, options) => {
    const { teardown } = await import("./commands/teardown.js");
    process.exitCode = await teardown(site, options);
  });
siteCommand("confirm", "prove and keep a change that was left unconfirmed").action(async (site, options) => {
  const { confirm } = await import("./commands/confirm.js");
  process.exitCode = await confirm(site, options);
});
siteCommand("rollback", "take back a change that was left unconfirmed").action(async (site, options) => {
  const { rollback } = await import("./commands/rollback.js");
  process.exitCode = await rollback(site, options);
});
siteCommand("bench", "compare the ways to the home server, from this machine or another one")
  .option("--url <url>", "what is asked for (default: http://SERVER/)")
  .option("--ipv6 <address>", "the home server's IPv6 address or name: measures that way and a relay, too")
  .option("--download <path>", "something large on that server, to download")
  .addOption(
    count("--upload <bytes>", "how much is sent to it by POST; 0 for none", 0, 1e9).default(10_000_000),
  )
  .addOption(count("--rounds <n>", "how often the ways are gone through", 1, 100).default(5))
  .addOption(count("--count <n>", "pings and small requests of each kind", 1, 10_000).default(100))
  .option("--insecure", "take a certificate that doesn't hold")
  .option("--from <command>", "measure where this command runs a shell, e.g. 'ssh friend sh -s'", "sh -s")
  .option("--samples <file>", "where all values are kept (default: ds4-bench-SITE.json)")
  .action(async (site, options) => {
    const { bench } = await import("./commands/bench.js");
    process.exitCode = await bench(site, options);
  });

/** Whether this is a Node.js that the packages which ds4 asks its questions with can run on. */
function nodeFits(): boolean {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  return engines.node.split(" || ").some((range) => {
    const [first = 0, second = 0] = range.replace(/^\D+/, "").split(".").map(Number);
    return major === first ? minor >= second : range.startsWith(">=") && major > first;
  });
}

/** Prints what a command would with --json, where it could not even begin, or where ds4 is at fault. */
async function printFailure(message: string, hint?: string): Promise<void> {
  const { failedResult } = await import("./report/errors.js");
  const first = process.argv.slice(2).find((argument) => !argument.startsWith("-"));
  const named = program.commands.find((command) => command.name() === first)?.name() as Result["command"];
  const result = failedResult(named, [{ message, ...(hint === undefined ? {} : { hint }) }]);
  process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
}

try {
  if (!nodeFits()) {
    program
      .showHelpAfterError(false)
      .error(`error: ds4 needs Node.js ${engines.node}, and this is ${process.versions.node}`);
  }
  await program.parseAsync();
} catch (error) {
  process.exitCode = 1;
  if (!(error instanceof CommanderError)) {
    if (json) await printFailure(`ds4 itself is at fault: ${(error as Error).message}`);
    throw error;
  }
  process.exitCode = error.exitCode;
  if (json && error.exitCode !== 0) {
    // Commander's own errors are those of the command line.
    const hint =
      error.code === "commander.error"
        ? undefined
        : "'ds4 --help' and 'ds4 COMMAND --help' show what there is";
    await printFailure(error.message.replace(/^error: /, ""), hint);
  }
}
