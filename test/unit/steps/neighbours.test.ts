import { describe, expect, it } from "vitest";
import type { Barrier, Neighbours } from "../../../src/hosts/linux/neighbours.js";
import { chains } from "../../../src/steps/vps/chains.js";
import { firewalld } from "../../../src/steps/vps/steps.js";
import { vps, world } from "../world.js";

const beside = (more: Partial<Neighbours>) => world({ vps: { neighbours: { ...vps.neighbours, ...more } } });

describe("a chain of nftables that shuts out what it doesn't know", () => {
  const conflicts = (hook: Barrier["hook"], ...rules: readonly string[]) =>
    chains.conflicts?.(beside({ barriers: [{ table: "inet filter", chain: "c", hook, rules }] })) ?? [];
  const outer =
    "ip6 saddr 2001:db8:100:0:203:0:113:144 ip6 daddr 2001:db8:1:0:203:0:113:144 meta l4proto 4 accept";

  it("is refused with the very rules that it lacks", () => {
    expect(conflicts("input")).toMatchObject([
      { host: "vps", message: expect.stringContaining("'inet filter c'") },
    ]);
    expect(conflicts("input")[0]?.hint).toContain(`\n  nft insert rule inet filter c ${outer}`);
    expect(conflicts("forward")[0]?.hint.split("\n").slice(1)).toEqual([
      `  nft insert rule inet filter c iifname '"wrap1"' accept`,
      `  nft insert rule inet filter c oifname '"wrap1"' accept`,
    ]);
    expect(conflicts("forward", 'iifname "wrap1" accept')[0]?.hint.split("\n")).toHaveLength(2);
  });

  it("is fine once it accepts them, in the form in which nft shows that", () => {
    expect(conflicts("input", outer.replace("l4proto 4", "l4proto ipencap"))).toEqual([]);
    expect(conflicts("input", "ip6 nexthdr ipv4 counter accept")).toEqual([]);
    expect(conflicts("forward", 'iifname "wrap1" accept', 'oifname "wrap1" counter accept')).toEqual([]);
  });

  it("isn't with rules that drop them, or that are about another tunnel", () => {
    expect(conflicts("forward", 'iifname "wrap1" drop', 'oifname "wrap10" accept')).toHaveLength(1);
    expect(conflicts("input", "meta l4proto 41 accept")).toHaveLength(1);
  });
});

describe("firewalld", () => {
  const installed = beside({ firewalld: { installed: true, reload: false } });

  it("gets a zone and policies of ds4's where it is installed, running or not", () => {
    expect(firewalld.desired(beside({})).size).toBe(0);
    const files = firewalld.desired(installed);
    expect([...files.keys()]).toEqual([
      "/etc/firewalld/zones/ds4.xml",
      "/etc/firewalld/policies/ds4-out.xml",
      "/etc/firewalld/policies/ds4-in.xml",
    ]);
    expect(String(files.get("/etc/firewalld/zones/ds4.xml")?.content)).toContain('<interface name="wrap1"/>');
    expect(String(files.get("/etc/firewalld/policies/ds4-in.xml")?.content)).toContain(
      '<source address="2001:db8:100:0:203:0:113:144"/>',
    );
  });
});
