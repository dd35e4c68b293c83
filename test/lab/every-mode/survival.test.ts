import { beforeAll, describe, expect, test } from "vitest";
import {
  ds4,
  eventually,
  mode,
  must,
  on,
  reboot,
  site,
  startApplied,
  thorough,
  viaTunnel,
} from "../machines.js";
import { everything, type LabHost } from "../modes.js";
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

/** In the background: it takes away the very address by which it was asked. It has to be done, and without an error. */
async function interrupt(machine: LabHost, command: string): Promise<void> {
  await must(
    machine,
    `rm -f /tmp/done; (sh -c '${command}'; echo $? >/tmp/done) >/dev/null 2>&1 </dev/null &`,
  );
  await eventually(60, async () => expect(await must(machine, "cat /tmp/done")).toBe("0"));
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

  // In another mode, the VPS does the same with the same code.
  const debians = mode.hosts.filter((host) => host !== "router").slice(thorough ? 0 : -1);

  test.each(debians.flatMap((machine) => uplinkRestarts.map((command) => [machine, command] as const)))(
    "%s: %s",
    async (machine, command) => {
      await interrupt(machine, command);
      await expectSurvived();
    },
  );

  test.runIf(thorough)(
    "vps: what fails at a boot, as where the uplink comes late, is tried again",
    async () => {
      const { code } = await on(
        "vps",
        "mv /usr/sbin/iptables-restore /root/; systemctl restart ds4.service; code=$?; mv /root/iptables-restore /usr/sbin/; exit $code",
      );
      expect(code).not.toBe(0);
      await eventually(30, () => must("vps", "systemctl is-active ds4.service"));
      await expectSurvived();
    },
  );

  test
    .runIf(thorough && mode.hosts.includes("router"))
    .each(["/etc/init.d/network restart", "/etc/init.d/firewall restart", "ifdown wan6; sleep 3; ifup wan6"])(
    "router: %s",
    async (command) => {
      await interrupt("router", command);
      await expectSurvived();
    },
  );

  // The relay's VPS reboots alone anyway, and in `egress.test.ts` the router does.
  const alone = everything && viaTunnel ? mode.hosts.map((host) => [host]) : [];

  test.each([...alone, mode.hosts].map((together) => [together.join(" and "), together] as const))(
    "a reboot of %s",
    async (_, together) => {
      await reboot(...together);
      await expectSurvived();
    },
  );
});
