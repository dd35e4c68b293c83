import { describe, expect, it } from "vitest";
import { statusOf } from "../../../src/commands/status.js";
import type { Armed } from "../../../src/core/dead-man-switch.js";
import { HostError } from "../../../src/core/errors.js";
import { router, site, vps } from "../world.js";

const armed: Armed = {
  run: "ab",
  command: "apply",
  hosts: ["vps", "router"],
  by: "me@laptop",
  since: "2026-01-01T00:00:00Z",
  secondsLeft: 42,
};
const read = <Facts>(facts: Facts) => ({ facts, actual: new Map(), sections: new Map() });
const reading = (more: { vps?: object; router?: object } = {}) => ({
  vps: read({ ...vps, ...more.vps }),
  router: read({ ...router, ...more.router }),
});

describe("ds4 status", () => {
  it("says that nothing is set up", () => {
    expect(statusOf(site, reading())).toMatchObject({
      result: "drift",
      exitCode: 2,
      text: expect.stringContaining("is not set up"),
    });
  });

  it("tells of a switch that is armed, whatever the change has left that can't be planned", () => {
    const cutOff = {
      vps: { armed, uplink6: undefined },
      router: { freeKib: 0, staged: ["network.ds4_route"] },
    };
    expect(() => statusOf(site, reading({ ...cutOff, vps: { uplink6: undefined } }))).toThrow(HostError);
    expect(statusOf(site, reading(cutOff))).toMatchObject({
      result: "unconfirmed",
      exitCode: 2,
      unconfirmed: [{ host: "vps", by: "me@laptop", secondsLeft: 42 }],
    });
  });
});
