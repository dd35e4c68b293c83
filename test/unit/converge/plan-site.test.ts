import { describe, expect, it } from "vitest";
import {
  aimFor,
  aimForNothing,
  changeScript,
  checkOwner,
  countChanges,
  nothing,
  planSite,
  type Target,
} from "../../../src/converge/plan-site.js";
import type { AnyReading, Reading } from "../../../src/converge/read.js";
import { ConflictError, HostError } from "../../../src/core/errors.js";
import { hostEntries, hostTitles, mapHosts } from "../../../src/core/hosts.js";
import type { Owned } from "../../../src/core/owned.js";
import type { RouterFacts } from "../../../src/hosts/router/facts.js";
import type { VpsFacts } from "../../../src/hosts/vps/facts.js";
import { runScript, shells } from "../../shells.js";
import { router, server, site, vps } from "../world.js";

type More = { vps?: Partial<VpsFacts>; router?: Partial<RouterFacts> };

/** Two hosts on which nothing of ds4's is. */
const fresh = (more: More = {}): Reading => ({
  vps: { facts: { ...vps, ...more.vps }, actual: new Map(), sections: new Map() },
  router: { facts: { ...router, ...more.router }, actual: new Map(), sections: new Map() },
});
/** Two hosts that are as they should be. */
const asIn = (target: Target, hosts = fresh()): AnyReading =>
  mapHosts(hosts as AnyReading, (own, host) => ({ ...own, actual: target[host] ?? new Map() }));
const owned: Owned = {
  site: "holiday-home",
  tunnel: {
    name: "wrap1",
    atHome: "router",
    local: "2001:db8:1::7",
    ownLocal: true,
    remote: "2001:db8:100::7",
    servers: [server],
    mtu: 1460,
    table: 42,
  },
};

function conflict(work: () => unknown): ConflictError {
  try {
    work();
  } catch (error) {
    expect(error).toBeInstanceOf(ConflictError);
    return error as ConflictError;
  }
  return expect.unreachable("there was no conflict");
}

describe("what a site is to be", () => {
  it("covers every step of both hosts, and a host that is so has nothing to do", () => {
    const { target } = aimFor(site, fresh());
    const there = asIn(target);
    expect(countChanges(planSite(fresh(), target))).toBeGreaterThan(30);
    expect(countChanges(planSite(there, target))).toBe(0);
    // And back again: all of it goes, and nothing else.
    const ids = (reading: AnyReading, aim: typeof target) => {
      const plan = planSite(reading, aim);
      return hostEntries(plan)
        .flatMap(([, { changes }]) => changes.map(({ step, id }) => `${step} ${id}`))
        .sort();
    };
    expect(ids(there, nothing)).toEqual(ids(fresh(), target));
  });

  it("takes a script that both shells understand, there and back", () => {
    const { target } = aimFor(site, fresh());
    const there = asIn(target);
    for (const plan of [planSite(fresh(), target), planSite(there, nothing)]) {
      for (const [, own] of hostEntries(plan)) {
        const script = changeScript(own);
        for (const shell of shells.filter(({ missing }) => !missing)) {
          // -n: reads it all and runs nothing.
          expect(runScript(shell, script, "-n")).toEqual({ stdout: "", stderr: "", code: 0 });
          for (const cut of [0.1, 0.3, 0.5, 0.7, 0.9, 0.99]) {
            expect(runScript(shell, script.slice(0, script.length * cut), "-n").code).not.toBe(0);
          }
        }
      }
    }
  });
});

describe("somebody else's things in the way", () => {
  it("are all named at once, with their hosts and what to do", () => {
    const error = conflict(() =>
      aimFor(
        site,
        fresh({
          vps: { tunnelModule: false },
          router: { staged: ["network.lan.mtu='1400'"], pendingApply: true },
        }),
      ),
    );
    const lines = error.message.split("\n");
    expect(lines).toHaveLength(3);
    expect(lines[0]).toMatch(/^vps: .*ip6_tunnel/);
    expect(lines[1]).toMatch(/^router: .*network\.lan\.mtu='1400'/);
    expect(lines[2]).toMatch(/^router: LuCI is waiting/);
    expect(error.hint?.split("\n")).toHaveLength(3);
  });

  it("include a zone named ds4 that isn't ds4's, and packages that nobody could install", () => {
    const zones = [...router.zones, { name: "ds4", networks: [], devices: [] }];
    expect(conflict(() => aimFor(site, fresh({ router: { zones } }))).message).toContain("zone named 'ds4'");
    const bare = { tunnelModule: false, packageManager: undefined };
    expect(conflict(() => aimFor(site, fresh({ router: bare }))).message).toContain("no package manager");
    expect(() => aimFor(site, fresh({ router: { tunnelTool: false } }))).not.toThrow();
  });

  it("keep ds4 from taking its own things away, too, where theirs would be saved along", () => {
    const dirty = fresh({ router: { staged: ["network.lan.mtu='1400'"] } });
    const there = asIn(aimFor(site, fresh()).target, dirty);
    expect(conflict(() => aimForNothing(site, there)).message).toMatch(/^router: .*network\.lan\.mtu='1400'/);
    // Where nothing of the router's UCI is to change, they are nobody's business.
    expect(() => aimForNothing(site, dirty as AnyReading)).not.toThrow();
    expect(() => aimFor(site, there as Reading)).not.toThrow();
  });

  it("of many staged changes shows the first three", () => {
    const staged = ["network.a.a='1'", "network.b.b='2'", "network.c.c='3'", "network.d.d='4'"];
    const { message } = conflict(() => aimFor(site, fresh({ router: { staged } })));
    expect(message).toContain("network.c.c='3', …");
    expect(message).not.toContain("network.d");
  });
});

describe("a full or read-only file system", () => {
  it.each([
    ["vps", { vps: { freeKib: 0 } }],
    ["router", { router: { freeKib: 63 } }],
  ] as const)("on the %s is noticed before anything is changed", (host, more) => {
    expect(conflict(() => aimFor(site, fresh(more))).message).toMatch(
      new RegExp(`^${host}: there is no room under /etc`),
    );
  });
});

describe("hosts that carry another site", () => {
  it.each(["vps", "router"] as const)("are left alone when it is the %s", (host) => {
    const reading = fresh({ [host]: { owned, marked: true } });
    for (const work of [() => aimFor(site, reading), () => checkOwner(site, reading)]) {
      const error = conflict(work);
      expect(error.message).toBe(
        `the ${hostTitles[host]} carries the site 'holiday-home' already, not 'home'`,
      );
      expect(error.hint).toContain("'ds4 teardown holiday-home'");
    }
  });

  it("are told before anything else that is wrong", () => {
    const reading = fresh({ vps: { owned, marked: true, uplink6: undefined } });
    expect(() => aimFor(site, reading)).toThrow(ConflictError);
    expect(() => aimFor(site, fresh({ vps: { uplink6: undefined } }))).toThrow(HostError);
  });

  it("don't matter where it is this one", () => {
    expect(() => checkOwner({ ...site, name: "holiday-home" }, fresh({ vps: { owned } }))).not.toThrow();
  });
});
