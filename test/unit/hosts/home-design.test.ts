import { describe, expect, it } from "vitest";
import { HostError } from "../../../src/core/errors.js";
import type { Peer } from "../../../src/core/shell.js";
import { makeHomeDesign } from "../../../src/hosts/home/design.js";
import type { HomeFacts } from "../../../src/hosts/home/facts.js";
import type { VpsFacts } from "../../../src/hosts/vps/facts.js";
import { parseSite } from "../../../src/inventory/load.js";
import { address, eth0, home, homeWorld, link, linuxSite, lo, server } from "../world.js";

const withAddresses = (...all: Parameters<typeof address>[]): Partial<HomeFacts> => ({
  links: [lo, link("eth0", { addresses: all.map((one) => address(...one)) })],
});
const designOf = (more: Partial<HomeFacts>, yaml = "") =>
  homeWorld({
    home: more,
    site:
      yaml === ""
        ? linuxSite
        : parseSite(`vps: { ssh: a }\nhome: { kind: linux, ssh: b }\n${yaml}\n`, "home.yaml"),
  }).design;

describe("a Linux machine at home", () => {
  it("is found to be the server itself, with the public IPv4 in its own prefix", () => {
    expect(designOf({})).toMatchObject({
      local: "2001:db8:1:0:203:0:113:144",
      remote: "2001:db8:100:0:203:0:113:144",
      home: { device: "eth0", ownRemote: true, persist: "systemd", here: [server], behind: [] },
      slots: new Map([[server, 0]]),
    });
  });

  it("has its router let protocol 4 through, which a note says", () => {
    expect(designOf({}).notes).toContain(
      "the home's own router has to let IPv6 protocol 4 through, from 2001:db8:1:0:203:0:113:144 to 2001:db8:100:0:203:0:113:144 and back",
    );
  });

  it("is told that after a router's tunnel a proof can't show that, where its packets look the same", () => {
    const tunnel = (atHome: "router" | "home", remote: string) => ({
      owned: {
        site: "home",
        tunnel: {
          name: "wrap1",
          atHome,
          local: "2001:db8:1:0:203:0:113:144",
          ownLocal: true,
          remote,
          servers: [server],
          mtu: 1460,
          table: 42,
        },
      },
    });
    const told = (vps: Partial<VpsFacts>) =>
      homeWorld({ vps }).design.notes.some((note) => note.includes("10 minutes"));
    expect(told(tunnel("router", "2001:db8:100:0:203:0:113:144"))).toBe(true);
    expect(told(tunnel("router", "2001:db8:100::1"))).toBe(false);
    expect(told(tunnel("home", "2001:db8:100:0:203:0:113:144"))).toBe(false);
  });

  it("leaves the port with the VPS by which the router is reached, too", () => {
    const { vps } = homeWorld();
    const kept = (others: readonly Peer[]) =>
      makeHomeDesign(linuxSite, vps, home, others).entrances[0].keepPorts;
    expect(kept([])).toEqual([22]);
    expect(kept([{ address: "203.0.113.144", port: 2222 }])).toEqual([22, 2222]);
  });

  it("may stand before other servers, which have to have it as their gateway", () => {
    const design = designOf({}, "server: 192.168.1.50");
    expect(design.home).toMatchObject({ here: [], behind: ["192.168.1.50"] });
    expect(design.notes.at(-1)).toMatch(/^192\.168\.1\.50 has to have the home machine as its gateway/);
  });

  it("ends the tunnel at an address that lasts, and never at one made for privacy", () => {
    const passing = withAddresses(
      ["192.168.1.210/24"],
      ["2001:db8:100::bad:1/64", { temporary: true }],
      ["2001:db8:100::bad:2/64", { deprecated: true }],
      ["fd00::5/64"],
      ["2001:db8:100::5/128"],
    );
    expect(designOf(passing)).toMatchObject({ remote: "2001:db8:100::5", home: { ownRemote: false } });
    expect(designOf(passing).notes).toContain(
      "the home machine has only the address 2001:db8:100::5/128: the tunnel ends there",
    );
  });

  it("keeps a server's number when another one comes before it", () => {
    const there = {
      marked: true,
      rules: `${home.rules}4202:\tfrom 192.168.1.50 lookup main suppress_prefixlength 0 proto static\n4203:\tfrom 192.168.1.50 lookup 42 proto static\n`,
    };
    const yaml =
      "forward: [{ server: 192.168.1.210, traffic: icmp }, { server: 192.168.1.50, traffic: tcp/80 }]";
    expect([...designOf(there, yaml).slots]).toEqual([
      ["192.168.1.50", 1],
      ["192.168.1.210", 0],
    ]);
  });

  it("is refused where it can't end a tunnel", () => {
    const refusal = (more: Partial<HomeFacts>, yaml = "") => {
      try {
        designOf(more, yaml);
      } catch (error) {
        expect(error).toBeInstanceOf(HostError);
        return `${(error as HostError).message}\n${(error as HostError).hint}`;
      }
      return "accepted";
    };
    expect(refusal({ uplink6: undefined })).toMatch(
      /^the home machine has no IPv6 default route\n.*announces/,
    );
    expect(refusal(withAddresses(["192.168.1.210/24"], ["fd00::5/64"]))).toMatch(
      /^the home machine has no global IPv6 address on eth0\n/,
    );
    expect(refusal({ systemd: false })).toMatch(/doesn't run systemd\n.*'home: \{ persist: ifupdown \}'/);
    expect(refusal({ links: [lo, eth0] })).toMatch(
      /^the server 192\.168\.1\.210 is neither the home machine itself nor in one of its networks \(eth0 203/,
    );
  });
});
