import { beforeAll, describe, expect, test } from "vitest";
import { background, ds4, ds4Json, must, on, routerSite, site, startApplied } from "../machines.js";
import { everything } from "../modes.js";
import { client, expectNoPath, pinging, publicIPv4, request } from "../visitor.js";

/** The lab's site with this list. */
function list(entries: Readonly<Record<string, string>>): readonly string[] {
  const lines = Object.entries(entries).map(
    ([server, traffic]) => `  - { server: ${server}, traffic: ${traffic} }`,
  );
  return routerSite("forward:", ...lines);
}

/** The machine at home that a visitor's request ends at, seen with the visitor's address; undefined where none answers. */
async function reached(url: string): Promise<string | undefined> {
  const { seenAs, reached } = await request("client", url);
  if (seenAs !== undefined) expect(seenAs).toBe(client);
  return seenAs && reached[0];
}

const [server, lan2] = ["192.168.1.210", "192.168.1.211"];
const chosen = {
  [server]: "[icmp, tcp/80, udp/9000]",
  [lan2]: "[tcp/443, tcp/2280 -> 80, tcp/9100-9110 -> 8990-9000]",
};

describe("chosen ports and several servers", () => {
  beforeAll(startApplied);

  test("take over from one server that had all, without a lost packet of what stays", async () => {
    const pings = pinging();
    // A new connection each time: it goes by the rules of that moment, not by what conntrack knows.
    const requests = background(
      "client",
      `while :; do curl -sS -m 5 -o /dev/null http://${publicIPv4}/ && echo done || echo lost; sleep 0.3; done`,
    );
    const { result, errors, proofs } = await ds4Json("apply", ...list(chosen), "--yes");
    const { answered, lost } = await pings.stop();
    const ended = (await requests.stop()).trim().split("\n");
    expect(ended.length).toBeGreaterThan(10);
    expect(ended.filter((word) => word !== "done")).toEqual([]);
    expect({ result, errors }).toEqual({ result: "changed", errors: [] });
    expect(proofs?.filter(({ proved }) => proved === false)).toEqual([]);
    expect(proofs).toContainEqual(expect.objectContaining({ name: `answer, ${lan2}`, proved: true }));
    expect(answered).toBeGreaterThan(50);
    expect(lost).toEqual([]);
  });

  test("each reach their server, moved ones too, and nothing else comes home", async () => {
    expect(await reached(`http://${publicIPv4}/`)).toBe("server");
    expect(await reached(`https://${publicIPv4}/`)).toBe("lan2");
    expect(await reached(`http://${publicIPv4}:2280/`)).toBe("lan2");
    expect(await must("client", `(sleep 2) | ncat -w 5 ${publicIPv4} 9110`)).toMatch(
      new RegExp(`^${client} `),
    );
    expect(await must("client", `(echo hello; sleep 2) | ncat -u -w 3 ${publicIPv4} 9000`)).toContain(
      "hello",
    );
    for (const port of [9000, 9101, 5201])
      expect((await on("client", `ncat -z -w 3 ${publicIPv4} ${port}`)).code, `${port}`).not.toBe(0);
  });

  test("a second apply changes nothing, and status finds nothing", async () => {
    const { result, changes } = await ds4Json("apply", ...list(chosen), "--yes");
    expect({ result, changes }).toEqual({ result: "nothing-to-do", changes: [] });
    expect((await ds4("status", ...list(chosen))).code).toBe(0);
  });

  test("what each server begins leaves by the VPS", async () => {
    for (const name of ["server", "lan2"])
      expect(await must(name, `curl -sS -4 -m 15 http://${client}/`)).toContain(`address ${publicIPv4}`);
  });

  test("status names what was damaged of the second server", async () => {
    await must("router", "ip rule del priority 4203");
    await must("vps", "iptables -t nat -D DS4-PREROUTING 1");
    const { changes } = await ds4Json("status", ...list(chosen));
    expect(changes.map(({ host, step, id }) => `${host} ${step} ${id}`)).toEqual([
      "vps chains ipv4",
      "router rule 4203",
    ]);
    expect((await ds4("apply", ...list(chosen), "--yes")).code).toBe(0);
  });

  test("a port moves from one server to the other, an open connection of another one lives on", async () => {
    const open = background("client", `(while sleep 0.2; do echo tick; done) | ncat ${publicIPv4} 9110`);
    const moved = {
      ...chosen,
      [server]: "[icmp, tcp/80, tcp/443, udp/9000]",
      [lan2]: "[tcp/2280 -> 80, tcp/9100-9110 -> 8990-9000]",
    };
    const { result, changes, errors } = await ds4Json("apply", ...list(moved), "--yes");
    expect({ result, errors }).toEqual({ result: "changed", errors: [] });
    expect(changes.map(({ step }) => step)).not.toContain("route");
    const before = (await must("vps", "conntrack -L -p tcp --orig-port-dst 9110 2>/dev/null")).trim();
    expect(before).toContain("ESTABLISHED");
    expect((await open.stop()).split("tick").length).toBeGreaterThan(20);
    expect(await reached(`https://${publicIPv4}/`)).toBe("server");
  });

  test("the first server goes, the second one keeps what it has", async () => {
    const only = list({ [lan2]: "all except tcp/80" });
    const { result, changes, errors } = await ds4Json("apply", ...only, "--yes");
    expect({ result, errors }).toEqual({ result: "changed", errors: [] });
    expect(changes.filter(({ id }) => /420[23]|rule_\w+_2|out_2/.test(id))).toEqual([]);
    expect(await reached(`https://${publicIPv4}/`)).toBe("lan2");
    expect(await reached(`http://${publicIPv4}/`)).toBeUndefined();
  });

  test("the VPS's own port is refused by name, with its program", async () => {
    const { result, errors } = await ds4Json("apply", ...list({ [server]: "[icmp, tcp/22]" }), "--yes");
    expect(result).toBe("failed");
    expect(errors[0]?.message).toMatch(
      /sshd on the VPS listens on tcp\/22, which 'tcp\/22' asks for .*example\.yaml:4/,
    );
  });

  // That a teardown leaves nothing is shown in the mode `forward` anyway.
  test.runIf(everything)(
    "teardown takes all of it away, with an inventory that knows one server alone",
    async () => {
      await ds4Json("apply", ...list(chosen), "--yes");
      expect((await ds4("teardown", site, "--yes")).code).toBe(0);
      await expectNoPath();
      expect(
        await must(
          "vps",
          "iptables-save | grep DS4 || :; ip route show proto 204; ls /etc/ds4 2>&1 | grep -v 'No such' || :",
        ),
      ).toBe("");
      expect(
        await must(
          "router",
          "uci show | grep ds4_ || :; ip rule | grep -E '^420' || :; nft list ruleset | grep ds4_ || :",
        ),
      ).toBe("");
    },
  );
});
