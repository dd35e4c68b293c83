import chalk from "chalk";
import { aimFor, aimForNothing } from "../converge/plan-site.js";
import { armedOnAll } from "../converge/unconfirmed.js";
import { hostsOf } from "../inventory/site.js";
import { describeProofs } from "../report/human.js";
import { inWords } from "../report/words.js";
import { proveOrFail } from "../transaction/prove.js";
import { confirm as confirmAll } from "../transaction/transaction.js";
import { listProofs, runCommand } from "./run.js";
import { type CommonOptions, withHosts } from "./session.js";

/** `ds4 confirm`: proves a change that was left unconfirmed, also by another laptop, and makes it last. */
export function confirm(name: string | undefined, options: CommonOptions): Promise<0 | 1 | 2> {
  return runCommand("confirm", name, options, (site, progress) =>
    withHosts(site, options, progress, { expectedRuns: 4 }, async (session) => {
      const { reading, shells } = session;
      const armed = armedOnAll(site, reading);
      if (armed === undefined) {
        const text = `${chalk.green("✔")} nothing to do: no change waits to be confirmed`;
        return { result: "nothing-to-do", exitCode: 0, changes: [], notes: [], text };
      }
      const aim = armed.command === "apply" ? aimFor(site, reading) : aimForNothing(site, reading);
      const undertaking = {
        site,
        ...aim,
        before: reading,
        arming: armed,
        confirmWithin: armed.secondsLeft,
      };
      const proofs = await progress.task("all", "prove", () => proveOrFail(undertaking, shells, undefined));
      const deadline = Date.now() + armed.secondsLeft * 1000;
      await progress.task("all", "confirm", () => confirmAll(undertaking, session, shells, deadline));
      return {
        result: "confirmed",
        exitCode: 0,
        changes: [],
        notes: [],
        proofs: listProofs(proofs),
        text: [
          `${chalk.green("✔")} 'ds4 ${armed.command}' by ${armed.by} is confirmed on ${inWords(hostsOf(site)).all}`,
          describeProofs(proofs),
        ].join("\n"),
      };
    }),
  );
}
