import { beforeAll, describe, expect, test } from "vitest";
import { ds4Json, eventually, lab, must, site, startFrom } from "../machines.js";
import { install, neighbours, onRouter, own } from "../neighbours.js";
import { snapshotOf } from "../snapshot.js";
import { expectNoPath, expectPath, expectWaysOut } from "../visitor.js";

/** Visitors come in; what the server begins goes out, without a state of the tunnel's that lets it through. */
async function expectBothWays(): Promise<void> {
  await eventually(30, expectPath);
  await must("vps", "! command -v conntrack >/dev/null || conntrack -D -f ipv6 >/dev/null 2>&1; true");
  await expectWaysOut("vps");
}

async function expectInSync(): Promise<void> {
  const { result, changes, errors } = await ds4Json("status", site);
  expect({ result, changes, errors }).toEqual({ result: "in-sync", changes: [], errors: [] });
}

// They have to be installed first, which takes minutes: only when asked for, with DS4_NEIGHBOURS=1.
const asked = process.env.DS4_NEIGHBOURS === "1";

describe.runIf(asked)("others on the VPS", () => {
  const installed = () => startFrom("neighbours", install, () => must("vps", install));

  describe.each(neighbours)("$name", ({ start, events, alive, note, refused }) => {
    let before = "";

    beforeAll(async () => {
      await installed();
      await must("vps", start);
      expect(await must("vps", alive)).toBe("alive");
    });

    test.runIf(refused)("ds4 apply says what has to be done first", async () => {
      if (!refused) return;
      const { result, errors } = await ds4Json("apply", site, "--yes");
      expect(result).toBe("failed");
      expect(errors[0]?.message).toMatch(refused.says);
      await must("vps", refused.cure(errors[0]?.hint ?? ""));
    });

    test("ds4 apply sets up the path beside it, and says what that means for it", async () => {
      before = await must("vps", own);
      const { result, notes, errors } = await ds4Json("apply", site, "--yes");
      expect({ result, errors }).toEqual({ result: "changed", errors: [] });
      if (note) expect(notes.join("\n")).toMatch(note);
      await expectBothWays();
      expect(await must("vps", alive)).toBe("alive");
    });

    test.each(events)("after %s both work, and nothing has drifted", async (event) => {
      await must("vps", `{ ${event}; } >/dev/null 2>&1`);
      await expectBothWays();
      expect(await must("vps", alive)).toBe("alive");
      await expectInSync();
    });

    test("ds4 teardown leaves it as it was, and working", async () => {
      expect(await ds4Json("teardown", site, "--yes")).toMatchObject({ result: "changed", errors: [] });
      await expectNoPath();
      expect(await must("vps", own)).toBe(before);
      expect(await must("vps", alive)).toBe("alive");
    });
  });
});

describe.runIf(asked)("others on the router", () => {
  let before = "";

  beforeAll(async () => {
    await lab("reset");
    await must("router", onRouter);
    before = await snapshotOf("router");
  });

  test("ds4 apply says whose rules are asked before its own, and sets up the path", async () => {
    const { result, notes, errors } = await ds4Json("apply", site, "--yes");
    expect({ result, errors }).toEqual({ result: "changed", errors: [] });
    expect(notes.join("\n")).toMatch(
      /rules by mark come before ds4's .*2001: from all fwmark 0x100\/0x3f00 lookup 1\b/,
    );
    await expectBothWays();
  });

  test.each(["/etc/init.d/firewall restart", "/etc/init.d/network reload"])(
    "after %s it works",
    async (event) => {
      await must("router", `${event} >/dev/null 2>&1; sleep 3`);
      await expectBothWays();
      await expectInSync();
    },
  );

  test("ds4 teardown leaves them as they were", async () => {
    expect(await ds4Json("teardown", site, "--yes")).toMatchObject({ result: "changed", errors: [] });
    expect(await snapshotOf("router")).toBe(before);
  });

  test("a rule that would take the server's packets away is refused", async () => {
    await must(
      "router",
      "ip route add default dev br-lan table 77; ip rule add from 192.168.1.0/24 lookup 77 priority 900",
    );
    const { result, errors } = await ds4Json("apply", site, "--yes");
    expect(result).toBe("failed");
    expect(errors[0]?.message).toContain(
      "'900: from 192.168.1.0/24 lookup 77' on the router comes before ds4's",
    );
  });
});
