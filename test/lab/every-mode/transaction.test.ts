import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  applied,
  ds4,
  ds4Json,
  ds4Running,
  hosts,
  machines,
  mode,
  must,
  site,
  startClean,
  viaTunnel,
} from "../machines.js";
import { expectNoPath, expectPath } from "../visitor.js";

const inProofs = { vps: "VPS", router: "router", home: "home machine" };

const apply = (...more: readonly string[]) => ["apply", site, "--yes", "--confirm-within", "600", ...more];

/** Leaves an apply behind that was made and not confirmed: its ds4 is dead. */
async function unconfirmed(): Promise<void> {
  const { code } = await ds4Running(apply(), (line, child) => {
    if (line === `${hosts}: proving it over new connections`) child.kill("SIGKILL");
  });
  expect(code).toBe(128);
}

describe("a change that is confirmed", () => {
  beforeAll(startClean);

  test("shows each proof, and leaves nothing of the proving behind", async () => {
    const { result, proofs = [] } = await ds4Json(...apply());
    expect(result).toBe("changed");
    const path = viaTunnel ? ["tunnel", "full size", "arrival", "answer"] : ["answer", "datagrams"];
    const own = mode.hosts.map((host) => `${inProofs[host]}'s own connections`);
    expect(proofs.filter(({ proved }) => proved === false)).toEqual([]);
    expect(proofs.filter(({ proved }) => proved).map(({ name }) => name)).toEqual([
      "read back",
      ...path,
      ...own,
    ]);
    expect(proofs.find(({ name }) => name === path.at(viaTunnel ? 2 : 0))?.seen).toContain(
      viaTunnel
        ? "visitor 198.18.0.1 -> 203.0.113.144 arrived at 192.168.1.210 from 198.18.0.1"
        : "visitor 198.18.0.1 -> 203.0.113.144 got through to 2001:db8:100::210",
    );
    for (const machine of machines)
      expect(
        await must(
          machine,
          `exec 2>/dev/null; ls -d /etc/ds4-undo; nft list tables | grep witness; ls /etc/rc.d /etc/systemd/system | grep undo
ip netns; ip link | grep ds4v; tc qdisc show dev eth0 | grep clsact; systemctl list-timers --all --no-legend 'ds4-undo*'; true`,
        ),
      ).toBe("");
  });
});

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
      /has the vps's lock|is not confirmed on the vps, which goes back by itself in \d+ s/,
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
    expect(stderr).toMatch(/\S+@\S+ is changing this site since \S+, and has the vps's lock/);
    await expectPath();
    // Both locks were given back.
    await applied();
  });
});
