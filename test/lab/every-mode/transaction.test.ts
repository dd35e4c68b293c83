import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { applied, ds4, ds4Json, ds4Running, hosts, mode, site, startClean } from "../machines.js";
import { expectNoPath, expectPath } from "../visitor.js";

const apply = (...more: readonly string[]) => ["apply", site, "--yes", "--confirm-within", "600", ...more];

/** Leaves an apply behind that was made and not confirmed: its ds4 is dead. */
async function unconfirmed(): Promise<void> {
  const { code } = await ds4Running(apply(), (line, child) => {
    if (line === `${hosts}: proving it over new connections`) child.kill("SIGKILL");
  });
  expect(code).toBe(128);
}

describe("a change that was left unconfirmed", () => {
  beforeEach(async () => {
    await startClean();
    await unconfirmed();
  });

  test("is known to everyone, can't be built upon, and is taken back by `ds4 rollback`", async () => {
    const status = await ds4Json("status", site);
    expect(status).toMatchObject({ result: "unconfirmed", exitCode: 2 });
    expect(status.unconfirmed?.map(({ host, command }) => [host, command])).toEqual(
      mode.hosts.map((host) => [host, "apply"]),
    );
    for (const { secondsLeft } of status.unconfirmed ?? []) {
      expect(secondsLeft).toBeGreaterThan(0);
      expect(secondsLeft).toBeLessThanOrEqual(600);
    }
    const again = await ds4(...apply());
    expect(again.code).toBe(1);
    expect(again.stderr).toMatch(
      /has the VPS's lock|is not confirmed on the VPS, which goes back by itself in \d+ s/,
    );

    expect(await ds4Json("rollback", site)).toMatchObject({ result: "rolled-back", exitCode: 0 });
    await expectNoPath();
    expect(await ds4Json("rollback", site)).toMatchObject({ result: "nothing-to-do", exitCode: 0 });
    expect((await ds4Json("status", site)).unconfirmed).toBeUndefined();
  });

  test("is proved and kept by `ds4 confirm`", async () => {
    const { result, proofs, errors } = await ds4Json("confirm", site);
    expect({ result, errors }).toEqual({ result: "confirmed", errors: [] });
    expect(proofs).toContainEqual(expect.objectContaining({ name: "answer", proved: true }));
    await expectPath();
    expect(await ds4Json("status", site)).toMatchObject({ result: "in-sync", exitCode: 0 });
  });
});

describe("two who change the same hosts at once", () => {
  beforeAll(startClean);

  test("the second one is told who is at it, and nothing of the first one's is disturbed", async () => {
    let second: ReturnType<typeof ds4> | undefined;
    const first = await ds4Running(apply(), (line) => {
      if (line === `${hosts}: arming the dead-man switches`) second = ds4(...apply());
    });
    expect(first.code).toBe(0);
    const { code, stderr } = (await second) ?? { code: 0, stderr: "" };
    expect(code).toBe(1);
    expect(stderr).toMatch(/\S+@\S+ is changing this site since \S+, and has the VPS's lock/);
    await expectPath();
    // Both locks were given back.
    await applied();
  });
});
