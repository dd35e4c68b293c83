import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { damages, named } from "./damages.js";
import { atHome, ds4, ds4Json, eventually, lab, must, on, reboot, site } from "./machines.js";
import { debianSnapshot } from "./snapshot.js";
import { client, expectEveryProtocol, expectNoPath, expectPath, publicIPv4, server } from "./visitor.js";

const [local, remote] = ["2001:db8:1:0:203:0:113:144", "2001:db8:100:0:203:0:113:144"];

/**
 * What is another thing with a Linux machine at home, in one short run; with DS4_LAB_HOME=linux, the other tests here
 * run against it, too.
 */
describe.runIf(atHome === "home")("a Linux machine at home", () => {
  const before: string[] = [];
  beforeAll(async () => {
    await lab("reset");
    before.push(await debianSnapshot("vps"), await debianSnapshot("home"));
  });
  afterAll(() => lab("link", "wan", "clear"));

  test("isn't left changed where the provider drops protocol 4, and the error says what has to let it through", async () => {
    await lab("link", "wan", "proto4", "drop");
    const { result, errors } = await ds4Json("apply", site, "--yes");
    await lab("link", "wan", "clear");
    expect(result).toBe("failed");
    expect(errors[0]?.message).toContain("Both hosts are back where they were.");
    expect(errors[0]?.message).toMatch(/VPS to the tunnel [1-9]\d*, home machine's uplink 0,/);
    expect(errors[0]?.hint).toContain(
      `the home's own router drops it: it has to let IPv6 protocol 4 through, from ${local} to ${remote} and back`,
    );
    expect(await debianSnapshot("home")).toBe(before[1]);
  });

  test("gets the public IPv4: every proof holds, and the note names what its router has to let through", async () => {
    const { result, errors, proofs = [], notes } = await ds4Json("apply", site, "--yes");
    expect({ result, errors }).toEqual({ result: "changed", errors: [] });
    expect(proofs.filter(({ proved }) => !proved)).toEqual([]);
    expect(proofs.map(({ name }) => name)).toContain("home machine's own connections");
    expect(notes).toContain(
      `the home's own router has to let IPv6 protocol 4 through, from ${local} to ${remote} and back`,
    );
    await expectEveryProtocol();
  });

  test("keeps its LAN, and what it begins beyond that leaves by the VPS", async () => {
    expect(await must("lan2", `curl -sS -m 10 http://${server}/`)).toContain("address 192.168.1.211");
    expect(await must("home", "curl -sS -m 10 http://192.168.1.211/")).toContain(`address ${server}`);
    expect(await must("home", `curl -sS -4 -m 10 http://${client}/`)).toContain(`address ${publicIPv4}`);
    await must("home", `ping -c 2 -W 5 ${client}`);
    expect(await must("home", "cat /proc/sys/net/ipv4/ip_forward")).toBe("0");
  });

  test("leaves what arrives to its own firewall", async () => {
    await must("home", "iptables -A INPUT -p tcp --dport 443 -j DROP");
    expect((await on("client", `ncat -z -w 3 ${publicIPv4} 443`)).code).not.toBe(0);
    await must("home", "iptables -D INPUT -p tcp --dport 443 -j DROP");
    await must("client", `ncat -z -w 5 ${publicIPv4} 443`);
  });

  test("is left alone by a second apply; what is damaged is named and mended", async () => {
    expect(await ds4Json("apply", site, "--yes")).toMatchObject({ result: "nothing-to-do", changes: [] });
    const some = damages.filter(({ machine, round }) => machine === "home" && round === 1);
    for (const { script } of some) await must("home", script);
    const drift = some.flatMap((damage) => damage.drift).sort();
    const mended = await ds4Json("apply", site, "--yes");
    expect(named(mended.changes).sort()).toEqual(drift);
    expect(await ds4Json("status", site)).toMatchObject({ result: "in-sync", exitCode: 0 });
  });

  test("has it all back after a reboot", async () => {
    await reboot("home");
    await eventually(120, expectPath);
    await eventually(30, async () => expect((await ds4("status", site)).code).toBe(0));
  });

  test("is as it was after teardown", async () => {
    const { result, errors } = await ds4Json("teardown", site, "--yes");
    expect({ result, errors }).toEqual({ result: "changed", errors: [] });
    await expectNoPath();
    expect(await debianSnapshot("vps")).toBe(before[0]);
    expect(await debianSnapshot("home")).toBe(before[1]);
  });
});
