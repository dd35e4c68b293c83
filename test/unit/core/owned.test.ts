import { describe, expect, it } from "vitest";
import { type Owned, type OwnedTunnel, parseOwned, renderOwned } from "../../../src/core/owned.js";

const home: Owned & { readonly tunnel: OwnedTunnel } = {
  site: "home",
  tunnel: {
    name: "wrap1",
    atHome: "router",
    local: "2001:db8:1::203:0:113:144",
    ownLocal: true,
    remote: "2001:db8:100::203:0:113:144",
    servers: ["192.168.1.210"],
    mtu: 1460,
    table: 42,
  },
};

const withTunnel = (more: Partial<OwnedTunnel>): Owned => ({ ...home, tunnel: { ...home.tunnel, ...more } });

describe("the note of what is ds4's", () => {
  it("of a relay says so, and no more than whose it is", () => {
    expect(parseOwned(renderOwned({ site: "home" }))).toEqual({ site: "home" });
    expect(parseOwned("mode=relay\nsite=$(reboot)\n")).toBeUndefined();
  });

  it.each([true, false])("says again what was written, an own address: %s", (ownLocal) => {
    const own = withTunnel({ ownLocal });
    expect(parseOwned(renderOwned(own))).toEqual(own);
  });

  it("says that a Linux machine ends the tunnel, and a router where it doesn't say", () => {
    const linux = withTunnel({ atHome: "home" });
    expect(renderOwned(linux)).toContain("\nend=home\n");
    expect(parseOwned(renderOwned(linux))).toEqual(linux);
    expect(renderOwned(home)).not.toContain("end=");
    // What the README has people type where a router is gone for good.
    expect(parseOwned(`${renderOwned(withTunnel({}))}end=home\n`)).toEqual(linux);
    expect(parseOwned(renderOwned(linux).replace("end=home", "end=$(reboot)"))).toBeUndefined();
  });

  it("has every server, in one line", () => {
    const several = withTunnel({ servers: ["192.168.1.210", "192.168.1.211"] });
    expect(renderOwned(several)).toContain("\nserver=192.168.1.210,192.168.1.211\n");
    expect(parseOwned(renderOwned(several))).toEqual(several);
    expect(parseOwned(renderOwned(withTunnel({ servers: ["192.168.1.210", "; reboot"] })))).toBeUndefined();
  });

  it("is nothing where the file is empty, somebody else's, or lacks a line", () => {
    const lines = renderOwned(home).split("\n");
    expect(parseOwned("")).toBeUndefined();
    expect(parseOwned("PermitRootLogin no\n")).toBeUndefined();
    for (const gone of lines.filter((line) => line.includes("="))) {
      expect(parseOwned(lines.filter((line) => line !== gone).join("\n")), gone).toBeUndefined();
    }
  });

  it("says in its first line whose it is and how to be rid of it", () => {
    expect(renderOwned(home)).toMatch(/^# Written by ds4: .*'ds4 teardown'/);
  });
});
