import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { keyOf } from "../../../src/hosts/entrances.js";
import { linuxProbes } from "../../../src/hosts/linux/facts.js";
import { atLinux, atRouter } from "../../../src/proof/at-home.js";
import { judgeConnections, judgePath } from "../../../src/proof/judge.js";
import { runScript, shells, title } from "../../shells.js";
import { homeWorld, server, world } from "../world.js";
import { unanswered } from "./unanswered.js";

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

describe("where protocol 4 is dropped", () => {
  const at = {
    router: () => {
      const { site, design } = world();
      return { site, design, words: atRouter(site, design).words };
    },
    "home machine": () => {
      const { site, design } = homeWorld();
      return { site, design, words: atLinux(site, design).words };
    },
  };

  /** What is said of a path on which it is lost on the way `to` home or `back` from there. */
  function hintFor(
    lost: "to" | "back",
    more: { end?: keyof typeof at; vendor?: string; underlay?: boolean } = {},
  ) {
    const { end = "router", vendor = "QEMU", underlay = true } = more;
    const { site, design, words } = at[end]();
    const arrived = lost === "back" ? 5 : 0;
    const ways = new Map([
      [keyOf({ visitor: "198.18.0.1", server }), { inner_in: arrived, to_server: arrived, answer: arrived }],
    ]);
    const proofs = judgePath(site, design, {
      visitor: unanswered(server, underlay),
      witness: { outer_in: arrived, options_in: 0, outer_out: arrived, ways },
      vendor,
      ownLocal: true,
      words,
    });
    const tunnel = proofs.find(({ name }) => name === "tunnel");
    expect(tunnel?.proved).toBe(false);
    return tunnel?.hint ?? "";
  }

  it.each(["router", "home machine"] as const)("on the way to the %s, both sides are named", (end) => {
    const hint = hintFor("to", { end });
    expect(hint).toContain(`it left the VPS and protocol 4 didn't reach the ${end}, while a ping over IPv6`);
    expect(hint).toContain(
      end === "router" ? "a firewall on the home side drops it" : "the home's own router drops it",
    );
    expect(hint).toContain("or the VPS's provider does on the way out");
    expect(hint).not.toContain("on the way in");
  });

  it.each(["router", "home machine"] as const)("on the way back from the %s, it is the VPS's side", (end) => {
    const hint = hintFor("back", { end });
    expect(hint).toContain(
      `the answer left the ${end}, and protocol 4 didn't reach the VPS: the VPS's provider drops it on the way in`,
    );
    expect(hint).not.toMatch(/home side|home's own router|on the way out/);
  });

  it("is not all where the underlay is gone, too", () => {
    expect(hintFor("to")).not.toContain("endpoint: primary");
    const hint = hintFor("to", { underlay: false });
    expect(hint).toContain("a ping over IPv6 between them is not answered either");
    expect(hint).toContain("'vps: { endpoint: primary }'");
  });

  // As the firmware of their virtual machines has it: the vendor, and the tag where there is any.
  it.each([
    ["Hetzner", "Firewalls > Resources"],
    ["Amazon EC2 Amazon EC2", "the instance's security group: type 'Custom protocol', protocol 4"],
    ["Google", "VPC firewall rule: ingress, protocol 'ipip' (4)"],
    ["QEMU OracleCloud.com", "the security list: IP protocol 4"],
    ["Microsoft Corporation 7783-7084-3265-9085-8269-3286-77", "ds4 can't work there"],
    ["QEMU", "look in the provider's panel"],
    ["", "look in the provider's panel"],
  ])("by %j, it is said where its setting is", (vendor, advice) => {
    for (const lost of ["to", "back"] as const) expect(hintFor(lost, { vendor })).toContain(advice);
  });
});

describe.each(shells)("what the firmware says of the provider", (shell) => {
  const line = linuxProbes[0]?.script.split("\n").find((one) => one.includes("sys_vendor")) ?? "";
  const folder = mkdtempSync(join(tmpdir(), "ds4-dmi-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const read = () => runScript(shell, line.replaceAll("/sys/class/dmi/id", folder));

  it.skipIf(shell.missing)(title(shell, "is the vendor and the tag, as far as they are there"), () => {
    expect(read()).toMatchObject({ stdout: "vendor= \n", stderr: "" });
    writeFileSync(join(folder, "chassis_asset_tag"), "OracleCloud.com\n");
    expect(read().stdout).toBe("vendor= OracleCloud.com\n");
    writeFileSync(join(folder, "sys_vendor"), "QEMU\n");
    expect(read().stdout).toBe("vendor=QEMU OracleCloud.com\n");
  });
});
