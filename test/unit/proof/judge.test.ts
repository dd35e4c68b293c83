import { describe, expect, it } from "vitest";
import { judgeConnections } from "../../../src/proof/judge.js";

describe("what worked before a change", () => {
  const before = new Map([
    ["IPv4 gateway 203.0.113.1", "answers"],
    ["203.0.113.144 by the provider's IPv4", "answers"],
  ]);
  const gateway = new Map([["IPv4 gateway 203.0.113.1", "answers"]]);
  const excused = (name: string) => name.includes("provider");

  it("has to work after it, too", () => {
    expect(judgeConnections("VPS", before, before)).toMatchObject({ proved: true });
    expect(judgeConnections("VPS", before, gateway)).toMatchObject({
      proved: false,
      seen: "203.0.113.144 by the provider's IPv4: before 'answers', now 'no answer'",
    });
  });

  it("is not called the same where it can't be told", () => {
    expect(judgeConnections("VPS", before, gateway, excused)).toEqual({
      name: "VPS's own connections",
      proved: true,
      seen: "as before: IPv4 gateway 203.0.113.1; not to be told: 203.0.113.144 by the provider's IPv4",
    });
  });

  it("proves nothing where nothing did", () => {
    expect(judgeConnections("VPS", new Map(), gateway).proved).toBeUndefined();
  });
});
