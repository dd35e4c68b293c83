import { beforeAll, describe, expect, test } from "vitest";
import { ds4, eventually, mode, must, reboot, site, startApplied } from "../machines.js";
import { expectPath } from "../visitor.js";

/** The path works without ds4, and status agrees. */
async function expectSurvived(): Promise<void> {
  await eventually(120, expectPath);
  await eventually(30, async () => {
    const { stdout, stderr, code } = await ds4("status", site);
    expect(`${stdout}${stderr}`).toContain("in sync");
    expect(code).toBe(0);
  });
}

describe("what the setup survives by itself", () => {
  beforeAll(startApplied);

  const uplinkRestarts =
    mode.vps === "ifupdown"
      ? ["systemctl restart networking", "ifdown eth0; ifup eth0"]
      : [
          "systemctl restart systemd-networkd",
          "networkctl reconfigure eth0",
          "ip link set eth0 down; ip link set eth0 up",
        ];

  const debians = mode.hosts.filter((host) => host !== "router");

  test.each(debians.flatMap((machine) => uplinkRestarts.map((command) => ({ machine, command }))))(
    "$machine: $command",
    async ({ machine, command }) => {
      // In the background: it takes away the very address by which it was asked.
      await must(machine, `setsid sh -c '${command}' >/dev/null 2>&1 </dev/null & sleep 3`);
      await expectSurvived();
    },
  );

  // What happens to the home's end alone is the same whoever manages the VPS's network.
  const atHome = mode.vps === "ifupdown" ? mode.hosts[1] : undefined;

  if (atHome === "router")
    test.each([
      "/etc/init.d/network restart",
      "/etc/init.d/firewall restart",
      "ifdown wan6; sleep 3; ifup wan6",
    ])("router: %s", async (command) => {
      await must("router", `(${command}) >/dev/null 2>&1 </dev/null & sleep 8`);
      await expectSurvived();
    });

  test("a reboot of the VPS", async () => {
    await reboot("vps");
    await expectSurvived();
  });
  if (atHome !== undefined)
    test(`a reboot of the ${atHome}`, async () => {
      await reboot(atHome);
      await expectSurvived();
    });
  if (mode.hosts.length === 2)
    test("a reboot of both at once", async () => {
      await reboot(...mode.hosts);
      await expectSurvived();
    });
});
