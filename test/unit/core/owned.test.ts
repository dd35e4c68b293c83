import { describe, expect, it } from "vitest";
import { type Owned, parseOwned, renderOwned } from "../../../src/core/owned.js";

const owned: Owned = {
  site: "home",
  tunnel: "wrap1",
  local: "2001:db8:1::203:0:113:144",
  ownLocal: true,
  remote: "2001:db8:100::203:0:113:144",
  servers: ["192.168.1.210"],
  mtu: 1460,
  table: 42,
};

describe("the note of what is ds4's", () => {
  it.each([true, false])("says again what was written, an own address: %s", (ownLocal) => {
    expect(parseOwned(renderOwned({ ...owned, ownLocal }))).toEqual({ ...owned, ownLocal });
  });

  it("has every server, in one line", () => {
    const several = { ...owned, servers: ["192.168.1.210", "192.168.1.211"] };
    expect(renderOwned(several)).toContain("\nserver=192.168.1.210,192.168.1.211\n");
    expect(parseOwned(renderOwned(several))).toEqual(several);
    expect(parseOwned(renderOwned({ ...owned, servers: ["192.168.1.210", "; reboot"] }))).toBeUndefined();
  });

  it("is nothing where the file is empty, somebody else's, or lacks a line", () => {
    const lines = renderOwned(owned).split("\n");
    expect(parseOwned("")).toBeUndefined();
    expect(parseOwned("PermitRootLogin no\n")).toBeUndefined();
    for (const gone of lines.filter((line) => line.includes("="))) {
      expect(parseOwned(lines.filter((line) => line !== gone).join("\n")), gone).toBeUndefined();
    }
  });

  it("says in its first line whose it is and how to be rid of it", () => {
    expect(renderOwned(owned)).toMatch(/^# Written by ds4: .*'ds4 teardown'/);
  });
});
