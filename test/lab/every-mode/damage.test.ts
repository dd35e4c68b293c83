import { beforeAll, describe, expect, test } from "vitest";
import { type Damage, damages, named } from "../damages.js";
import { ds4Json, eventually, must, site, startApplied, thorough } from "../machines.js";
import { expectPath } from "../visitor.js";

describe("what somebody breaks by hand", () => {
  beforeAll(startApplied);

  const rounds = [...new Set(damages.map(({ round }) => round))].sort().slice(0, thorough ? undefined : 1);

  test.each(
    rounds.map((round): [string, Damage[]] => {
      const together = damages.filter((damage) => damage.round === round);
      return [together.map(({ machine, name }) => `${machine}: ${name}`).join("; "), together];
    }),
  )("%s", async (_, together) => {
    for (const { machine, script } of together) await must(machine, script);
    const drift = together.flatMap((damage) => damage.drift).sort();
    const seen = await eventually(10, async () => {
      const status = await ds4Json("status", site);
      expect(named(status.changes).sort()).toEqual(drift);
      return status;
    });
    expect(seen).toMatchObject({ result: "drift", exitCode: 2 });

    const mended = await ds4Json("apply", site, "--yes");
    expect(mended.errors).toEqual([]);
    expect(named(mended.changes).sort()).toEqual(drift);
    expect(await ds4Json("status", site)).toMatchObject({ result: "in-sync", exitCode: 0 });
  });

  test("after all of that, the path works", expectPath);
});
