import { beforeAll, describe, expect, test } from "vitest";
import { background, ds4, ds4Json, eventually, must, routerSite, site, startClean } from "../machines.js";
import { everything } from "../modes.js";
import { snapshots } from "../snapshot.js";
import { client, pinging, publicIPv4, request } from "../visitor.js";

const second = "203.0.113.145";
const first = ["forward:", "  - { server: 192.168.1.210, traffic: [icmp, tcp/80, tcp/9000] }"];
const asked = (machine: string, address: string) => request(machine, `http://${address}/`);
const one = () => routerSite(...first);
const both = () =>
  routerSite(
    ...first,
    `  - { server: 192.168.1.211, publicIPv4: ${second}, traffic: [icmp, tcp/80, tcp/9000] }`,
  );

describe("two public IPv4s of one VPS", () => {
  let before: readonly string[] = [];

  beforeAll(async () => {
    await startClean();
    await must("vps", `ip addr add ${second}/24 dev eth0`);
    before = await snapshots();
  });

  test("an address that the VPS doesn't have is refused where it is written, with those that are there", async () => {
    const wrong = routerSite(
      ...first,
      "  - { server: 192.168.1.211, publicIPv4: 203.0.113.146, traffic: icmp }",
    );
    const { result, errors } = await ds4Json("apply", ...wrong, "--yes");
    expect(result).toBe("failed");
    expect(errors).toEqual([
      expect.objectContaining({
        message: "forward.publicIPv4: the VPS has no 203.0.113.146 on eth0",
        hint: expect.stringContaining(`There are ${publicIPv4}, ${second}.`),
        line: 5,
        column: 42,
      }),
    ]);
  });

  test("are set up in one apply, which proves each by a visitor of its own", async () => {
    const { result, errors, proofs } = await ds4Json("apply", ...both(), "--yes");
    expect({ result, errors }).toEqual({ result: "changed", errors: [] });
    for (const way of [`${publicIPv4} -> 192.168.1.210`, `${second} -> 192.168.1.211`])
      for (const what of ["arrival", "answer"])
        expect(proofs).toContainEqual(expect.objectContaining({ name: `${what}, ${way}`, proved: true }));
    expect((await ds4("status", ...both())).code).toBe(0);
  });

  test("lead to a server each by the same port, and each sees the visitor's own address", async () => {
    expect(await asked("client", publicIPv4)).toEqual({ seenAs: client, reached: ["server"] });
    expect(await asked("client", second)).toEqual({ seenAs: client, reached: ["lan2"] });
    await must("client", `ping -c 2 -W 5 ${second}`);
  });

  test("are what each server's own connections leave with", async () => {
    expect(await must("server", `curl -sS -4 -m 15 http://${client}/`)).toContain(`address ${publicIPv4}`);
    expect(await must("lan2", `curl -sS -4 -m 15 http://${client}/`)).toContain(`address ${second}`);
  });

  test("lead LAN hosts to the servers by the router alone", async () => {
    expect(await asked("lan2", publicIPv4)).toEqual({ seenAs: "192.168.1.1", reached: ["server"] });
    expect(await asked("server", second)).toEqual({ seenAs: "192.168.1.1", reached: ["lan2"] });
  });

  test("one goes with its connections in one apply, and the other one loses no packet", async () => {
    const open = background("client", `(while sleep 0.2; do echo tick; done) | ncat ${second} 9000`);
    const entries = () =>
      must("vps", `conntrack -L -p tcp -d ${second} --orig-port-dst 9000 2>/dev/null || :`);
    await eventually(20, async () => expect(await entries()).toContain("ESTABLISHED"));
    const pings = pinging();
    const { result, errors, changes } = await ds4Json("apply", ...one(), "--yes");
    const { answered, lost } = await pings.stop();
    await open.stop();
    expect({ result, errors }).toEqual({ result: "changed", errors: [] });
    expect(answered).toBeGreaterThan(50);
    expect(lost).toEqual([]);
    expect(changes.map(({ step }) => step)).not.toContain("tunnel");
    expect(await entries()).not.toContain("src=192.168.1.211");
    expect(await must("vps", "iptables-save")).not.toContain(second);
    expect((await asked("client", second)).reached).toEqual([]);
    expect((await asked("client", publicIPv4)).reached).toEqual(["server"]);
  });

  test.runIf(everything)("teardown leaves both machines as they were", async () => {
    expect((await ds4Json("apply", ...both(), "--yes")).result).toBe("changed");
    expect((await ds4("teardown", site, "--yes")).code).toBe(0);
    expect(await snapshots()).toEqual(before);
  });
});
