import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { HostError } from "../../../src/core/errors.js";
import { keyOf } from "../../../src/hosts/entrances.js";
import { atLinux } from "../../../src/proof/at-home.js";
import { readHomeWitness } from "../../../src/proof/home-witness.js";
import { judgePath } from "../../../src/proof/judge.js";
import { homeWorld, server } from "../world.js";
import { unanswered } from "./unanswered.js";

/** What the probe printed on the lab's machine after a visitor had been there. */
const recorded = readFileSync(new URL("home-witness.txt", import.meta.url), "utf8");
const { site, design } = homeWorld();
const way = keyOf({ visitor: "198.18.0.1", server });
const read = (stdout: string, code = 0) => readHomeWitness({ stdout, code }, site, design);

describe("the counters of a Linux machine at home", () => {
  it("are those of ds4's own rules", () => {
    const { ways, ...outer } = read(recorded);
    expect(outer.outer_in).toBeGreaterThan(0);
    expect(outer.outer_out).toBeGreaterThan(0);
    expect(ways.get(way)).toEqual({ inner_in: 9, to_server: 4, answer: 19 });
  });

  it("are no others': another visitor's packets are none", () => {
    expect(read(recorded.replaceAll("198.18.0.1/32", "198.18.0.2/32")).ways.get(way)).toEqual({
      inner_in: 0,
      to_server: 0,
      answer: 0,
    });
  });

  it("that can't be read are an error, and not 0", () => {
    expect(() => read("iptables-save: not found", 127)).toThrow(HostError);
  });
});

it("packets that left the VPS and never came are put down to the home's own router, with both addresses", () => {
  const none = { inner_in: 0, to_server: 0, answer: 0 };
  const proofs = judgePath(site, design, {
    visitor: unanswered(server),
    witness: { outer_in: 0, options_in: 0, outer_out: 0, ways: new Map([[way, none]]) },
    vendor: "QEMU",
    ownLocal: true,
    words: atLinux(site, design).words,
  });
  const tunnel = proofs.find(({ name }) => name === "tunnel");
  expect(tunnel?.proved).toBe(false);
  expect(tunnel?.hint).toMatch(
    /left the VPS and protocol 4 didn't reach the home machine.*own router drops it: .*from 2001:db8:1:0:203:0:113:144 to 2001:db8:100:0:203:0:113:144 and back/,
  );
});
