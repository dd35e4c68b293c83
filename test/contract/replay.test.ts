import { isDeepStrictEqual } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { allowedPatterns, isRace, skipReason, strayExceptions } from "./exceptions.js";
import { normalForm, withoutVolatile } from "./normal-form.js";
import { type Outcome, type Recording, recordings, type Step } from "./recording.js";
import { type Router, Routers, sleep } from "./router.js";

const routers = new Routers(3);
const known = recordings();
afterAll(() => routers.stop(), 60_000);

test("every exception names a step that was recorded", () => {
  expect(strayExceptions(known)).toEqual([]);
});

/** The stand-in's own command: it ends when everything that the router was asked for is done. */
const settled = "/usr/lib/stand-in/settled";

/** Puts the recording's files in place and makes them live. */
async function prepare(router: Router, { initial }: Recording): Promise<void> {
  await router.reset();
  for (const [path, text] of initial) await router.must(`cat > ${path}`, text);
  if (initial.has("/etc/config/network")) await router.must("/etc/init.d/network restart");
  await router.answers();
  if (initial.has("/etc/config/firewall")) await router.must("/etc/init.d/firewall restart");
  await router.must("rm -rf /tmp/.uci/* /tmp/order /tmp/fired; true");
  await router.must(settled);
}

/** How much longer a recorded timeout has to be: twice, or more on an emulated or busy machine. */
async function paceOf(router: Router): Promise<number> {
  const started = Date.now();
  await router.must("for i in 1 2 3; do ubus list; uci show network; done >/dev/null");
  return Math.min(4, Math.max(2, Math.round((Date.now() - started) / 1000)));
}

/** Topics where a sleep is there to see how a timer goes, not only to let the network settle. */
const timed = new Set(["services", "rpcd"]);

/** A step's command for this machine: a router that is slower needs more time, one that is done needs no more. */
function commandFor(topic: string, { cmd }: Step, pace: number): string {
  return (
    cmd
      // Not `sleep 1`: it stands for `at once`, and what comes after it may be gone a few seconds later.
      .replace(/(^|; )sleep ([2-9]|\d\d)(?=;)/g, (sleep, before) =>
        timed.has(topic) ? `${sleep}; ${settled}` : `${before}${settled}`,
      )
      .replace(/(\\"timeout\\":)(\d+)/g, (_, name, seconds) => name + Number(seconds) * pace)
  );
}

/** Runs a step as its `wait` says; `same` tells whether an outcome is the recorded one. */
async function outcomeOf(
  router: Router,
  topic: string,
  step: Step,
  pace: number,
  same: (outcome: Outcome) => boolean,
): Promise<Outcome> {
  const { cmd, stdin, wait, recorded } = step;
  // The connection is what was tried.
  if (recorded.stderr.startsWith("Connection timed out")) return router.execAnew(cmd);
  const command = commandFor(topic, step, pace);
  const pattern = wait?.match(/matched \/(.*)\//)?.[1];
  const pause = wait?.match(/ran (\d+) s after/)?.[1];
  if (pause) {
    await sleep(Number(pause) * (topic === "rpcd" ? pace : 1));
    await router.must(settled);
  }
  const right = (outcome: Outcome) =>
    pattern ? new RegExp(pattern, "ms").test(outcome.stdout) : same(outcome);
  for (const limit = Date.now() + 120_000; ; ) {
    const outcome = await router.exec(command, stdin);
    if (!wait || pause || right(outcome) || Date.now() > limit) return outcome;
    await sleep(1);
  }
}

// What takes longest comes first, then none is left to run alone.
const longest = ["firewall", "services", "tunnel", "policy-routing", "uci-basics", "rpcd"];
const rank = ({ topic }: Recording) => longest.indexOf(topic) + 1 || longest.length + 1;

for (const recording of [...known].sort((a, b) => rank(a) - rank(b))) {
  const { topic, steps, volatile, after } = recording;
  const commands = steps.filter((step) => step.event === undefined);
  const run = commands.filter((step) => !skipReason(topic, step.n));

  describe.skipIf(run.length === 0).concurrent(`the router behaves as recorded: ${topic}`, () => {
    let router: Router;
    let pace = 1;
    beforeAll(async () => {
      router = await routers.take();
      await prepare(router, recording);
      pace = await paceOf(router);
    }, 1_800_000);
    afterAll(() => {
      if (router) routers.giveBack(router);
      console.log(`${topic}: ${run.length} of ${commands.length} steps compared, timeouts times ${pace}`);
    });

    for (const step of steps) {
      const reason = skipReason(topic, step.n);
      const allowed = allowedPatterns(topic, step.n);
      const tried = isRace(topic, step.n) ? { ...step, wait: "a race" } : step;
      test.skipIf(reason).sequential(
        `#${step.n} ${(step.event ?? step.cmd).slice(0, 100)}`,
        async () => {
          if (step.event?.startsWith("reboot")) return router.reboot();
          const compared = (outcome: Outcome) => normalForm(outcome, volatile, allowed);
          const expected = compared(step.recorded);
          const same = (outcome: Outcome) => isDeepStrictEqual(compared(outcome), expected);
          expect(compared(await outcomeOf(router, topic, tried, pace, same))).toEqual(expected);
        },
        300_000,
      );
    }

    test.skipIf(after.size === 0).sequential("leaves the files as recorded", async () => {
      for (const [path, text] of after) {
        const actual = await router.must(`cat ${path}`);
        expect(withoutVolatile(actual, volatile)).toBe(withoutVolatile(text, volatile));
      }
    });
  });
}
