import { beforeAll, describe, expect, test } from "vitest";
import { ds4, eventually, must, on, startApplied, vpsVariant } from "./machines.js";
import { expectPath } from "./visitor.js";

/** The path works without ds4, and status agrees. */
async function expectSurvived(): Promise<void> {
  await eventually(120, expectPath);
  await eventually(30, async () => {
    const { stdout, stderr, code } = await ds4("status", "lab");
    expect(`${stdout}${stderr}`).toContain("in sync");
    expect(code).toBe(0);
  });
}

async function reboot(...machines: readonly ("vps" | "router")[]): Promise<void> {
  const boots = await Promise.all(machines.map((name) => must(name, "cat /proc/sys/kernel/random/boot_id")));
  await Promise.all(machines.map((name) => on(name, "sync; reboot")));
  await Promise.all(
    machines.map((name, at) =>
      eventually(180, async () => {
        expect(await must(name, "cat /proc/sys/kernel/random/boot_id")).not.toBe(boots[at]);
      }),
    ),
  );
}

describe("what the setup survives by itself", () => {
  beforeAll(startApplied);

  const uplinkRestarts =
    vpsVariant === "ifupdown"
      ? ["systemctl restart networking", "ifdown eth0; ifup eth0"]
      : [
          "systemctl restart systemd-networkd",
          "networkctl reconfigure eth0",
          "ip link set eth0 down; ip link set eth0 up",
        ];

  test.each(uplinkRestarts)("vps: %s", async (command) => {
    // In the background: it takes away the very address by which it was asked.
    await must("vps", `setsid sh -c '${command}' >/dev/null 2>&1 </dev/null & sleep 3`);
    await expectSurvived();
  });

  // What happens to the router alone is the same whoever manages the VPS's network.
  const onRouter = test.runIf(vpsVariant === "ifupdown");

  onRouter.each([
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
  onRouter("a reboot of the router", async () => {
    await reboot("router");
    await expectSurvived();
  });
  test("a reboot of both at once", async () => {
    await reboot("vps", "router");
    await expectSurvived();
  });
});
