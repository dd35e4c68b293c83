import { beforeAll, describe, expect, test } from "vitest";
import { must, on, startApplied } from "../machines.js";
import { aftr, client, expectPath, publicIPv4, server } from "../visitor.js";

describe("while the tunnel is away", () => {
  beforeAll(startApplied);

  test("nothing for the server leaves the VPS by its uplink", async () => {
    await expectPath();
    await must("vps", "ip link del wrap1");
    const capture = must("vps", `timeout 10 tcpdump -c 1 -nn -i eth0 'ip host ${server}' 2>&1; true`);
    await must("vps", "until ss -H0lp | grep -q tcpdump; do sleep 0.2; done");
    const { stdout, stderr, code } = await on("client", `curl -sS -4 -m 6 http://${publicIPv4}/`);
    expect({ stdout, code }, stderr).toEqual({ stdout: "", code: 7 });
    expect(await capture).toContain("0 packets captured");
  });

  test("what the server begins doesn't leave by the provider, and other hosts are as before", async () => {
    await must("router", "ip link del wrap1");
    expect((await on("server", `curl -sS -4 -m 6 http://${client}/`)).code).toBe(7);
    expect((await on("server", `ping -c 2 -W 2 ${client}`)).code).not.toBe(0);
    expect(await must("lan2", `curl -sS -4 -m 10 http://${client}/`)).toContain(`address ${aftr}`);
  });
});
