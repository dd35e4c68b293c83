import chalk from "chalk";
import { aimFor, countChanges, nothing, planSite } from "../converge/plan-site.js";
import type { AnyReading, Reading } from "../converge/read.js";
import { hostEntries, inWords } from "../core/hosts.js";
import { hostsOf, type Site } from "../inventory/site.js";
import { describePlan, describeUnconfirmed, waysHome } from "../report/human.js";
import { listChanges, listDesign, listUnconfirmed, type Outcome, runCommand } from "./run.js";
import { type CommonOptions, withHosts } from "./session.js";

/** `ds4 status`: what differs from what is wanted, three-way: wanted, configured for the next boot, live now. */
export function status(name: string | undefined, options: CommonOptions): Promise<0 | 1 | 2> {
  return runCommand("status", name, options, (site, progress) =>
    withHosts(site, options, progress, 1, async ({ reading }) => statusOf(site, reading)),
  );
}

/** What `ds4 status` says of hosts that were read. @throws Ds4Error where what is wanted can't be worked out. */
export function statusOf(site: Site, reading: Reading): Outcome {
  const waiting = listUnconfirmed(reading);
  // Before anything is planned: a change that was cut off may have left what can't be planned.
  if (waiting.length > 0) {
    return {
      result: "unconfirmed",
      exitCode: 2,
      changes: [],
      unconfirmed: waiting,
      notes: [],
      text: describeUnconfirmed(waiting, site.name),
    };
  }
  const untouched = countChanges(planSite(reading, nothing)) === 0;
  const { plan, design } = aimFor(site, reading);
  const inSync = countChanges(plan) === 0;
  const way = waysHome(design.entrances);
  const marked = hostEntries<AnyReading["vps"]>(reading).some(([, { facts }]) => facts.marked);
  const notes = inSync ? [...design.notes] : [];
  return {
    result: inSync ? "in-sync" : "drift",
    exitCode: inSync ? 0 : 2,
    ...listDesign(site, design),
    changes: listChanges(plan),
    notes,
    text: inSync
      ? [
          `${chalk.green("✔")} ${site.name} is in sync: ${way}, ${design.way}`,
          ...notes.map((note) => `  ${note}`),
        ].join("\n")
      : untouched && !marked
        ? `${site.name} is not set up: nothing of ds4's is on ${inWords(hostsOf(site)).those}. 'ds4 apply ${site.name}' sets up ${way}.`
        : [
            `${chalk.red("✖")} ${site.name} has drifted: ${way}`,
            describePlan(plan, "drift"),
            `'ds4 apply ${site.name}' repairs it.`,
          ].join("\n"),
  };
}
