import chalk from "chalk";
import { aimFor, nothing, planSite } from "../converge/plan-site.js";
import type { AnyReading } from "../converge/read.js";
import type { Armed } from "../core/dead-man-switch.js";
import { Ds4Error } from "../core/errors.js";
import { hostEntries } from "../core/step.js";
import { describeProofs } from "../report/human.js";
import { proveOrFail } from "../transaction/prove.js";
import { confirm as confirmBoth } from "../transaction/transaction.js";
import { listProofs, runCommand } from "./run.js";
import { type CommonOptions, type Session, withHosts } from "./session.js";

/** `ds4 confirm`: proves a change that was left unconfirmed, also by another laptop, and makes it last. */
export function confirm(name: string | undefined, options: CommonOptions): Promise<0 | 1 | 2> {
  return runCommand("confirm", name, options, (site, progress) =>
    withHosts(site, options, progress, { expectedRuns: 4 }, async (session) => {
      const { reading, shells } = session;
      const armed = armedOnAll(session, site.name);
      if (armed === undefined) {
        const text = `${chalk.green("✔")} nothing to do: no change waits to be confirmed`;
        return { result: "nothing-to-do", exitCode: 0, changes: [], notes: [], text };
      }
      const aim = armed.command === "apply" ? aimFor(site, reading) : { target: nothing };
      const undertaking = {
        site,
        ...aim,
        before: reading,
        plan: planSite(reading, aim.target),
        arming: armed,
        confirmWithin: armed.secondsLeft,
      };
      const proofs = await progress.task("both", "prove", () => proveOrFail(undertaking, shells, undefined));
      const deadline = Date.now() + armed.secondsLeft * 1000;
      await progress.task("both", "confirm", () => confirmBoth(undertaking, session, shells, deadline));
      return {
        result: "confirmed",
        exitCode: 0,
        changes: [],
        notes: [],
        proofs: listProofs(proofs),
        text: [
          `${chalk.green("✔")} 'ds4 ${armed.command}' by ${armed.by} is confirmed on both hosts`,
          describeProofs(proofs),
        ].join("\n"),
      };
    }),
  );
}

/** The switch that is armed on all hosts by one run, or undefined where there is none. */
function armedOnAll({ reading }: Session, site: string): Armed | undefined {
  const all: AnyReading = reading;
  const waiting = hostEntries(all).filter(([, { facts }]) => facts.armed !== undefined);
  const armed = waiting[0]?.[1].facts.armed;
  const same = waiting.length === hostEntries(all).length;
  if (armed === undefined || (same && waiting.every(([, { facts }]) => facts.armed?.run === armed.run))) {
    return armed;
  }
  throw new Ds4Error(
    same
      ? "each host waits for another change to be confirmed"
      : `a change waits to be confirmed on the ${waiting.map(([host]) => host).join(" and ")} alone`,
    { hint: `'ds4 rollback ${site}' takes it back` },
  );
}
