import { describe, expect, it } from "vitest";
import type { AnyReading } from "../../../src/converge/read.js";
import { armedElsewhere, armedOnAll, notWaiting } from "../../../src/converge/unconfirmed.js";
import type { Armed } from "../../../src/core/dead-man-switch.js";
import { Ds4Error } from "../../../src/core/errors.js";
import { home, linuxSite, vps } from "../world.js";

const armed: Armed = {
  run: "ab",
  command: "apply",
  hosts: ["vps", "home"],
  by: "me@laptop",
  since: "2026-01-01T00:00:00Z",
  secondsLeft: 40,
};
/** Both hosts of a Linux machine's site, with what waits there. */
const waiting = (onVps?: Armed, onHome = onVps): AnyReading => ({
  vps: { facts: { ...vps, armed: onVps }, actual: new Map(), sections: new Map() },
  home: { facts: { ...home, armed: onHome }, actual: new Map(), sections: new Map() },
});
function refusal(reading: AnyReading): string {
  try {
    armedOnAll(linuxSite, reading);
  } catch (error) {
    if (error instanceof Ds4Error) return `${error.message}\n${error.hint}`;
    throw error;
  }
  return "";
}

describe("a change that waits to be confirmed", () => {
  it("is one where all of its hosts have the same run's switch", () => {
    expect(armedOnAll(linuxSite, waiting(armed))).toBe(armed);
    expect(armedOnAll(linuxSite, waiting())).toBeUndefined();
    expect(refusal({ ...waiting(armed), home: waiting().home! })).toMatch(
      /^a change waits .* on the VPS alone\n/,
    );
    expect(refusal(waiting(armed, { ...armed, run: "cd" }))).toMatch(/^each host waits for another change/);
  });

  it("isn't one while a host of it is out of reach, as the inventory doesn't name it any more", () => {
    const moved = waiting({ ...armed, hosts: ["vps", "router", "home"] });
    expect(refusal(moved)).toBe(
      "the change is also one of the router, which isn't in inventory/home.yaml\nput 'router: …' back; or 'ds4 rollback home' takes the change back",
    );
    expect(armedElsewhere(linuxSite, moved)).toEqual(["router"]);
    expect(armedElsewhere(linuxSite, waiting(armed))).toEqual([]);
  });

  it("may be one of a host that waits no longer", () => {
    expect(notWaiting({ ...waiting(armed), vps: waiting().vps })).toEqual(["vps"]);
    for (const reading of [waiting(armed), waiting()]) expect(notWaiting(reading)).toEqual([]);
  });
});
