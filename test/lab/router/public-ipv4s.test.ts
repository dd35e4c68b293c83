import { beforeAll, describe, expect, test } from "vitest";
import { ds4, ds4Json, lab, must, writeSite } from "../machines.js";
import { snapshots } from "../snapshot.js";
import { client, expectNoPath, pinging, publicIPv4, request } from "../visitor.js";

const second = "203.0.113.145";
const [server, lan2] = ["192.168.1.210", "192.168.1.211"];

/** The second one's traffic to the second server, or none; the first one's stays as it is. */
const forwards = (...ofSecond: readonly string[]) => {
  const entries = [
    `{ server: ${server}, traffic: [icmp, tcp/80, udp/9000] }`,
    ...ofSecond.map((traffic) => `{ server: ${lan2}, traffic: ${traffic}, publicIPv4: ${second} }`),
  ];
  // Without the first key, nothing says which one is the tunnel's.
  return writeSite(
    `vps: { ssh: vps, publicIPv4: ${publicIPv4} }`,
    "router: { ssh: router }",
    "forward:",
    ...entries.map((entry) => `  - ${entry}`),
  );
};

const asked = (machine: string, address: string) => request(machine, `http://${address}/`);

describe("two public IPv4s on the VPS", () => {
  let before: readonly string[] = [];

  beforeAll(async () => {
    await lab("reset");
    await must("vps", `ip addr add ${second}/24 dev eth0`);
    before = await snapshots();
  });

  test("lead to a server each, on the same port, and each proof names its own", async () => {
    const { result, errors, proofs } = await ds4Json("apply", ...forwards("[icmp, tcp/80]"), "--yes");
    expect({ result, errors }).toEqual({ result: "changed", errors: [] });
    expect(proofs?.filter(({ proved }) => proved === false)).toEqual([]);
    for (const [to, home] of [
      [publicIPv4, server],
      [second, lan2],
    ])
      expect(proofs).toContainEqual({
        name: `arrival, ${home}`,
        proved: true,
        seen: `visitor 198.18.0.1 -> ${to} arrived at ${home} from 198.18.0.1`,
      });
    expect(await asked("client", publicIPv4)).toEqual({ seenAs: client, reached: ["server"] });
    expect(await asked("client", second)).toEqual({ seenAs: client, reached: ["lan2"] });
    await must("client", `ping -c 2 -W 5 ${second}`);
  });

  test("are each its server's own where that begins something", async () => {
    for (const [machine, own] of [
      ["server", publicIPv4],
      ["lan2", second],
    ] as const)
      expect(await must(machine, `curl -sS -4 -m 15 http://${client}/`)).toContain(`address ${own}`);
  });

  test("are reached from the LAN by the router", async () => {
    expect(await asked("lan2", publicIPv4)).toEqual({ seenAs: "192.168.1.1", reached: ["server"] });
    expect(await asked("server", second)).toEqual({ seenAs: "192.168.1.1", reached: ["lan2"] });
  });

  test("are nothing to do for a second apply, and what is damaged of the second one is named", async () => {
    const site = forwards("[icmp, tcp/80]");
    expect(await ds4Json("apply", ...site, "--yes")).toMatchObject({ result: "nothing-to-do" });
    await must("vps", `iptables -t nat -D DS4-POSTROUTING -s ${lan2} -o eth0 -j SNAT --to-source ${second}`);
    const { changes } = await ds4Json("status", ...site);
    expect(changes.map(({ host, step, id }) => `${host} ${step} ${id}`)).toEqual(["vps chains ipv4"]);
  });

  test("become one again without a lost packet of the one that stays", async () => {
    const pings = pinging();
    const { result, errors } = await ds4Json("apply", ...forwards(), "--yes");
    const { answered, lost } = await pings.stop();
    expect({ result, errors }).toEqual({ result: "changed", errors: [] });
    expect(answered).toBeGreaterThan(50);
    expect(lost).toEqual([]);
    expect((await asked("client", second)).reached).toEqual([]);
  });

  test("are refused where the VPS has only one, and nothing is touched", async () => {
    await must("vps", `ip addr del ${second}/24 dev eth0`);
    const { result, errors } = await ds4Json("apply", ...forwards("tcp/80"), "--yes");
    expect(result).toBe("failed");
    expect(errors[0]?.message).toMatch(/the VPS has no 203\.0\.113\.145 on eth0, which .*example\.yaml:\d/);
    await must("vps", `ip addr add ${second}/24 dev eth0`);
  });

  test("leave both machines as they were after a teardown", async () => {
    expect((await ds4("teardown", ...forwards("[icmp, tcp/80]"), "--yes")).code).toBe(0);
    await expectNoPath();
    expect(await snapshots()).toEqual(before);
  });
});
