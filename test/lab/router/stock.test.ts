import { beforeAll, describe, expect, test } from "vitest";
import { ds4Json, lab, must, site } from "../machines.js";
import { snapshots } from "../snapshot.js";
import { expectPath } from "../visitor.js";

describe("a router as it comes, with BusyBox's ip and no module for tunnels, and a VPS without iptables", () => {
  let before: unknown;
  beforeAll(async () => {
    await lab("reset");
    await must("router", "/usr/lib/stand-in/bare");
    await must(
      "vps",
      "for what in 'purge iptables conntrack' 'autoremove --purge'; do apt-get -qq -y $what; done >/dev/null",
    );
    before = await snapshots();
  });

  test("get what is missing, and keep their own connections", async () => {
    const { result, errors, proofs = [] } = await ds4Json("apply", site, "--yes");
    expect({ result, errors }).toEqual({ result: "changed", errors: [] });
    expect(proofs).toContainEqual(
      expect.objectContaining({ name: "router's own connections", proved: true }),
    );
    await expectPath();
  });

  test("are as they came after a teardown", async () => {
    expect(await ds4Json("teardown", site, "--yes")).toMatchObject({ result: "changed", errors: [] });
    expect(await snapshots()).toEqual(before);
  });
});
