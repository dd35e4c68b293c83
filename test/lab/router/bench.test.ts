import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ds4, ds4Json, must, root, site, startApplied } from "../machines.js";

const folder = mkdtempSync(join(tmpdir(), "ds4-bench-"));
afterAll(() => rmSync(folder, { recursive: true }));
const serverIPv6 = "2001:db8:100::210";
const common = [
  ...[
    site,
    "--rounds",
    "1",
    "--count",
    "4",
    "--upload",
    "1000000",
    "--samples",
    join(folder, "samples.json"),
  ],
  // The visitor's machine.
  ...["--from", `'${root}/scripts/lab' ssh client sh -s`],
];

/** What a relay could leave behind on the VPS. */
const ofVps = () =>
  must(
    "vps",
    "iptables-save | grep -v '^#' | sed 's/\\[.*//'; ss -Hltn; dpkg-query -W -f '${Package} ${db:Status-Status}\\n'; ls -R /var/run/ds4 /etc/ds4",
  );

describe("ds4 bench", () => {
  beforeAll(async () => {
    await startApplied();
    // The hole in the home's firewall that a server reached by IPv6 has.
    await must(
      "router",
      `uci -q batch <<'X'
set firewall.hole=rule
set firewall.hole.src=wan
set firewall.hole.dest=lan
set firewall.hole.family=ipv6
set firewall.hole.dest_ip=${serverIPv6}
set firewall.hole.proto=all
set firewall.hole.target=ACCEPT
X
uci commit firewall && /etc/init.d/firewall reload`,
    );
  });

  test("measures all three ways side by side, and leaves nothing behind", async () => {
    const before = await ofVps();
    const all = await ds4Json("bench", ...common, "--ipv6", serverIPv6, "--download", "/");
    expect({ result: all.result, errors: all.errors }).toEqual({ result: "measured", errors: [] });
    expect(await ofVps()).toBe(before);
    const timed = ["request", "request8", "download", "upload"];
    const expected = ["rtt", ...timed].flatMap((metric) =>
      ["tunnel", "ipv6", "relay"].flatMap((way) =>
        metric === "rtt" && way === "relay" ? [] : [`${way} ${metric}`],
      ),
    );
    expect(all.measured?.map(({ way, metric }) => `${way} ${metric}`)).toEqual(expected);
    for (const { median, metric, samples } of all.measured ?? []) {
      expect(median).toBeGreaterThan(0);
      expect(samples).toBe(/load$/.test(metric) ? 1 : 4);
    }
    const kept = JSON.parse(readFileSync(join(folder, "samples.json"), "utf8"));
    expect(kept.samples).toHaveLength((all.measured ?? []).reduce((sum, { samples }) => sum + samples, 0));
    expect(kept.misses).toEqual([]);
    // The server saw whom it says in the README: the visitor by the tunnel, the VPS by a relay.
    const log = await must("world", "cat /var/log/lab/server.log");
    expect(log).toMatch(/198\.51\.100\.220/);
    expect(log).toMatch(/2001:db8:1:/);
  });

  test("measures the tunnel alone without an IPv6 address, and says so", async () => {
    const { result, measured, notes } = await ds4Json("bench", ...common, "--upload", "0");
    expect(result).toBe("measured");
    expect(measured?.map(({ way, metric }) => `${way} ${metric}`)).toEqual([
      "tunnel rtt",
      "tunnel request",
      "tunnel request8",
    ]);
    expect(notes.join("\n")).toMatch(/without --ipv6/);
  });

  test("refuses a site that is not in sync", async () => {
    await must("router", "ip link del wrap1");
    const { code, stderr } = await ds4("bench", ...common);
    expect(code).toBe(1);
    expect(stderr).toMatch(/example is not in sync.*\n.*ds4 status example/);
  });
});
