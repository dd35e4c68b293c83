import { beforeAll, describe, expect, test } from "vitest";
import { ds4, ds4Json, ds4Running, eventually, lab, mode, must, on, siteOf } from "../machines.js";
import { everything, type LabHost } from "../modes.js";
import { snapshotOf } from "../snapshot.js";
import { expectPath } from "../visitor.js";

const router = "router: { ssh: router }";
const home = "home: { kind: linux, ssh: home }";
const server = "server: 192.168.1.210";

/** The site with these lines instead of those before. */
const apply = async (...lines: readonly string[]) => {
  const { result, errors } = await ds4Json("apply", ...siteOf(...lines, server), "--yes");
  return { result, errors };
};
const changed = { result: "changed", errors: [] };

/** What the user does on the way: the router's firewall lets protocol 4 through to the home server. */
const letThrough = `uci -q batch <<'UCI'
set firewall.through=rule
set firewall.through.name='through'
set firewall.through.src='wan'
set firewall.through.dest='lan'
set firewall.through.family='ipv6'
set firewall.through.proto='4'
set firewall.through.target='ACCEPT'
commit firewall
UCI
/etc/init.d/firewall reload >/dev/null 2>&1`;

describe("the tunnel's end moves", () => {
  const clean = new Map<LabHost, string>();

  beforeAll(async () => {
    await lab("reset");
    for (const host of ["router", "home"] as const) clean.set(host, await snapshotOf(host));
    expect(await apply(router)).toEqual(changed);
    await expectPath();
  });

  // The next one goes back from the same change.
  test.runIf(everything)(
    "not to a machine that no packet reaches: all is as it was, and the router's tunnel works",
    async () => {
      // The router itself still knows the former tunnel's packets.
      await lab("link", "wan", "proto4", "drop");
      const { result, errors } = await apply(router, home, "tunnel: { end: home }");
      await lab("link", "wan", "clear");
      expect(result).toBe("failed");
      expect(JSON.stringify(errors)).toMatch(/all hosts are back where they were/i);
      expect(await snapshotOf("home")).toBe(clean.get("home"));
      await expectPath();
      expect((await ds4("status", ...siteOf(router, server))).code).toBe(0);
    },
  );

  test.runIf(everything)("not where ds4 dies halfway: each host goes back by itself", async () => {
    const moving = siteOf(router, home, server, "tunnel: { end: home }");
    await ds4Running(["apply", ...moving, "--yes", "--confirm-within", "30"], (line, child) => {
      if (line.startsWith("home: chains ipv4")) child.kill("SIGKILL");
    });
    await eventually(90, async () => {
      for (const host of mode.hosts) expect((await on(host, "ls /etc/ds4-undo")).code, host).not.toBe(0);
    });
    expect(await snapshotOf("home")).toBe(clean.get("home"));
    await expectPath();
    expect((await ds4("status", ...siteOf(router, server))).code).toBe(0);
  });

  test("not while somebody has unsaved changes on the router, and they are still there after that", async () => {
    await must("router", "uci set network.lan.mtu=1400");
    for (const command of ["apply", "teardown"]) {
      const { code, stderr } = await ds4(
        command,
        ...siteOf(router, home, server, "tunnel: { end: home }"),
        "--yes",
      );
      expect(stderr).toMatch(/unsaved UCI changes.*network\.lan\.mtu/);
      expect(code).toBe(1);
    }
    await must("router", "uci changes network | grep -q lan.mtu && uci revert network");
    await expectPath();
  });

  test("from the router to a Linux machine in one apply, and nothing stays on the router", async () => {
    await must("router", letThrough);
    expect(await apply(router, home, "tunnel: { end: home }")).toEqual(changed);
    await expectPath();
    // The rule is the user's own.
    await must(
      "router",
      "uci delete firewall.through; uci commit firewall; /etc/init.d/firewall reload >/dev/null 2>&1",
    );
    expect(await snapshotOf("router")).toBe(clean.get("router"));
    await must("router", letThrough);
  });

  test("after that, the router needn't be in the file any more", async () => {
    expect((await ds4("status", ...siteOf(home, server))).code).toBe(0);
    expect(await apply(home)).toMatchObject({ result: "nothing-to-do" });
  });

  test("and back in one apply, and nothing stays on the Linux machine", async () => {
    expect(await apply(router, home, "tunnel: { end: router }")).toEqual(changed);
    await expectPath();
    expect(await snapshotOf("home")).toBe(clean.get("home"));
    expect((await on("home", "ls /etc/ds4")).code).not.toBe(0);
    expect((await ds4("status", ...siteOf(router, server))).code).toBe(0);
  });

  test("a teardown takes both ends away", async () => {
    const both = siteOf(router, home, server, "tunnel: { end: router }");
    expect(await ds4Json("teardown", ...both, "--yes")).toMatchObject({ result: "changed", exitCode: 0 });
    expect(await snapshotOf("home")).toBe(clean.get("home"));
    expect((await on("vps", "ls /etc/ds4")).code).not.toBe(0);
  });
});
