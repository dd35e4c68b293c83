import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { measured } from "../../src/commands/measured.js";
import { listChanges } from "../../src/commands/run.js";
import { aimFor, aimForNothing, changeScripts } from "../../src/converge/plan-site.js";
import { readHosts, type Shells, withPath } from "../../src/converge/read.js";
import { Ds4Error } from "../../src/core/errors.js";
import { hostEntries, hostNames } from "../../src/core/hosts.js";
import { loadSite, parseSite } from "../../src/inventory/load.js";
import { hostsOf } from "../../src/inventory/site.js";
import { silent } from "../../src/report/progress.js";
import { runScript, shells } from "../shells.js";
import { recordedShell, recordingShell } from "./recorded-shell.js";

/** What a case is made of and how to add one: README.md. */
const folder = new URL("steps/", import.meta.url);
const cases = readdirSync(folder);

type Case = {
  readonly about: string;
  /** Which recorded state of each host; a site may be without a router. */
  readonly vps: string;
  readonly router?: string;
  readonly home?: string;
  /** Instead of the site that the case describes, nothing is wanted. */
  readonly teardown?: boolean;
  /** The file's name, where it isn't the lab's. */
  readonly inventory?: string;
};

async function planCase(name: string) {
  const read = (file: string) => readFileSync(new URL(`${name}/${file}`, folder), "utf8");
  const { vps, router, home, teardown, inventory } = JSON.parse(read("case.json")) as Case;
  const site = parseSite(read("site.yaml"), inventory ?? "lab.yaml");
  const hosts = {
    vps: recordedShell(vps, "vps"),
    ...(router === undefined ? {} : { router: recordedShell(router, "router") }),
    ...(home === undefined ? {} : { home: recordedShell(home, "home") }),
  };
  const first = await readHosts(site, hosts);
  if (teardown) return { ...aimForNothing(site, first), notes: [] };
  const reading = await measured(site, hosts, first, silent);
  const { plan, design } = aimFor(site, reading);
  return { plan, notes: design.notes };
}

describe("two hosts as they were once, and what ds4 makes of them", () => {
  it.each(cases)("%s", async (name) => {
    const expectFile = (text: string, file: string) =>
      expect(text).toMatchFileSnapshot(fileURLToPath(new URL(`${name}/${file}`, folder)));
    const result = await planCase(name).catch((error: unknown) => {
      if (!(error instanceof Ds4Error)) throw error;
      return error;
    });
    if (result instanceof Ds4Error) {
      await expectFile(`${result.message}\n\n${result.hint}\n`, "error.txt");
      return;
    }
    const { plan, notes } = result;
    await expectFile(`${JSON.stringify({ notes, changes: listChanges(plan) }, null, 2)}\n`, "plan.json");
    for (const host of hostNames) {
      const script = changeScripts(plan)[host];
      if (script !== undefined) await expectFile(script, `${host}.sh`);
    }
  });

  it.each(cases)("%s holds just the files that its outcome has", async (name) => {
    const files = readdirSync(new URL(`${name}/`, folder)).sort();
    const expected = await planCase(name).then(
      ({ plan }) => [
        "plan.json",
        ...hostEntries(plan).flatMap(([host, { changes }]) => (changes.length > 0 ? [`${host}.sh`] : [])),
      ],
      () => ["error.txt"],
    );
    expect(files).toEqual(["case.json", "site.yaml", ...expected].sort());
  });
});

describe("the scripts of the cases", () => {
  const scripts = cases.flatMap((name) =>
    readdirSync(new URL(`${name}/`, folder)).flatMap((file) =>
      file.endsWith(".sh") ? [`${name}/${file}`] : [],
    ),
  );

  for (const shell of shells) {
    it.skipIf(shell.missing).each(scripts)(`%s is one that ${shell.name} understands`, (path) => {
      const script = readFileSync(new URL(path, folder), "utf8");
      // -n: reads it and runs nothing.
      expect(runScript(shell, script, "-n")).toEqual({ stdout: "", stderr: "", code: 0 });
    });
  }
});

it.runIf(process.env.CAPTURE)("captures both hosts of the lab", { timeout: 300_000 }, async () => {
  const state = process.env.CAPTURE ?? "";
  const name = process.env.CAPTURE_SITE ?? "lab";
  const site = await loadSite(fileURLToPath(new URL(`../../inventory/${name}.yaml`, import.meta.url)));
  const hosts = Object.fromEntries(
    hostsOf(site).map((host) => [host, recordingShell(state, host)]),
  ) as unknown as Shells;
  await withPath(site, hosts, await readHosts(site, hosts));
});
