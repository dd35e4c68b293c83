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

/** Puts the recording's files in place and makes them live. */
async function prepare(router: Router, { initial }: Recording): Promise<void> {
  await router.reset();
  for (const [path, text] of initial) await router.must(`cat > ${path}`, text);
  if (initial.has("/etc/config/network")) await router.must("/etc/init.d/network restart");
  await router.answers();
  if (initial.has("/etc/config/firewall")) await router.must("/etc/init.d/firewall restart");
  await router.must("rm -rf /tmp/.uci/* /tmp/order /tmp/fired; true");
  if (initial.has("/etc/config/network")) await sleep(4);
}

/** How much longer to sleep in a step's commands: 1 on a quick machine, more on an emulated or busy one. */
async function paceOf(router: Router): Promise<number> {
  const started = Date.now();
  await router.must("for i in 1 2 3; do ubus list; uci show network; done >/dev/null");
  return Math.min(3, Math.max(1, Math.round((Date.now() - started) / 1500)));
}

/** Runs a step as its `wait` says; `same` tells whether an outcome is the recorded one. */
async function outcomeOf(
  router: Router,
  { cmd, stdin, wait, recorded }: Step,
  pace: number,
  same: (outcome: Outcome) => boolean,
): Promise<Outcome> {
  // The connection is what was tried.
  if (recorded.stderr.startsWith("Connection timed out")) return router.execAnew(cmd);
  // Not `sleep 1`: it stands for `at once`, and what comes after it may be gone a few seconds later.
  const command = cmd.replace(/\bsleep ([2-9]|\d\d)\b/g, (_, seconds) => `sleep ${Number(seconds) * pace}`);
  const pattern = wait?.match(/matched \/(.*)\//)?.[1];
  const pause = wait?.match(/ran (\d+) s after/)?.[1];
  if (pause) await sleep(Number(pause) * pace);
  const settled = (outcome: Outcome) =>
    pattern ? new RegExp(pattern, "ms").test(outcome.stdout) : same(outcome);
  for (let seconds = 0; ; seconds++) {
    const outcome = await router.exec(command, stdin);
    if (!wait || pause || settled(outcome) || seconds >= 45 * pace) return outcome;
    await sleep(1);
  }
}

/** Seconds that a recording sleeps. */
const asleep = ({ steps }: Recording) =>
  steps
    .flatMap(({ cmd }) => [...cmd.matchAll(/\bsleep (\d+)/g)])
    .reduce((sum, [, seconds]) => sum + Number(seconds), 0);

// The longest first, then none is left to run alone.
for (const recording of [...known].sort((a, b) => asleep(b) - asleep(a))) {
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
      console.log(`${topic}: ${run.length} of ${commands.length} steps compared, sleeps times ${pace}`);
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
          expect(compared(await outcomeOf(router, tried, pace, same))).toEqual(expected);
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
