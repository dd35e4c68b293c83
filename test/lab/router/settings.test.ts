import { beforeAll, describe, expect, test } from "vitest";
import { ds4Json, eventually, lab, must, reboot, writeSite } from "../machines.js";
import { snapshots } from "../snapshot.js";
import { expectEveryProtocol, expectNoPath, expectPath, expectWaysOut, server } from "../visitor.js";

/** All that is found by itself, said otherwise where it can be; and a user who isn't root. */
const lines = [
  "vps:",
  "  ssh: vps-admin",
  "  uplink: eth0",
  "  publicIPv4: 203.0.113.144",
  "  endpoint: 2001:db8:1::4",
  "  persist: ifupdown",
  "router:",
  "  ssh: router",
  "  uplink: wan6",
  "  endpoint: 2001:db8:100::4",
  "  zones: { wan: wan, lan: lan }",
  "  lan: 192.168.1.0/24",
  `server: ${server}`,
  "hairpin: vps",
  "tunnel: { name: home4, mtu: 1400, table: 77 }",
];

describe("a site that leaves nothing to be found, on a VPS where one isn't root", () => {
  let site: readonly string[] = [];
  let before: readonly string[] = [];

  beforeAll(async () => {
    site = writeSite(...lines);
    await lab("reset");
    before = await snapshots();
  });

  const expectAll = () =>
    eventually(120, async () => {
      await expectPath();
      expect(await ds4Json("status", ...site)).toMatchObject({ result: "in-sync", changes: [] });
    });

  test("is set up as it says", async () => {
    const { result, errors, mtu } = await ds4Json("apply", ...site, "--yes");
    expect({ result, errors, mtu }).toEqual({ result: "changed", errors: [], mtu: 1400 });
    await expectEveryProtocol();
    await expectWaysOut("vps");
    expect(await must("vps", "ip -6 tunnel show home4; echo; ls /etc/network/interfaces.d")).toMatch(
      /remote 2001:db8:100::4 local 2001:db8:1::4 [\s\S]*\nds4$/,
    );
    expect(await must("router", "ip route show table 77")).toContain("default dev home4");
    await expectAll();
  });

  test("lasts by ifupdown's stanza over a restart of the network, and over a reboot", async () => {
    expect(await must("vps", "ls /etc/systemd/system/ds4.service 2>/dev/null; true")).toBe("");
    await must("vps", "setsid systemctl restart networking >/dev/null 2>&1 </dev/null & sleep 3");
    await expectAll();
    await reboot("vps");
    await expectAll();
  });

  test("leaves nothing behind", async () => {
    expect(await ds4Json("teardown", ...site, "--yes")).toMatchObject({ result: "changed", errors: [] });
    await expectNoPath();
    expect(await snapshots()).toEqual(before);
  });
});
