import { describe, expect, it } from "vitest";
import { checkCutOff } from "../../../src/converge/cut-off.js";
import { aimFor, nothing, type Target } from "../../../src/converge/plan-site.js";
import type { AnyReading, Reading } from "../../../src/converge/read.js";
import { ConflictError } from "../../../src/core/errors.js";
import { type HostName, mapHosts } from "../../../src/core/hosts.js";
import type { Peer } from "../../../src/core/shell.js";
import type { LinuxFacts } from "../../../src/hosts/linux/facts.js";
import { parseSite } from "../../../src/inventory/load.js";
import type { Site } from "../../../src/inventory/site.js";
import { home, linuxSite, router, server, site, vps } from "../world.js";

const of = <Facts>(facts: Facts) => ({ facts, actual: new Map(), sections: new Map() });
const atRouter: Reading = { vps: of(vps), router: of(router) };
const atLinux: Reading = { vps: of(vps), home: of(home) };

/** What is known of a host's connection. */
type Came = { readonly way?: readonly Peer[]; readonly ssh4?: LinuxFacts["ssh4"] };

/** Why a change is refused, where the connections came so; "" where it isn't. */
function refusal(
  came: Partial<Record<HostName, Came>>,
  more: { site?: Site; hosts?: Reading; from?: "nothing" | "set up"; to?: "nothing" | "set up" } = {},
): string {
  const { hosts = atRouter, from = "nothing", to = "set up" } = more;
  const { target } = aimFor(more.site ?? site, hosts);
  const state = (which: typeof from): Target => (which === "nothing" ? nothing : target);
  const reading = mapHosts(hosts as AnyReading, (own, host) => ({
    ...own,
    facts: { ...own.facts, ...came[host] },
    actual: state(from)[host] ?? new Map(),
  }));
  try {
    checkCutOff(reading, state(to));
    return "";
  } catch (error) {
    expect(error).toBeInstanceOf(ConflictError);
    return `${(error as ConflictError).message}\n${(error as ConflictError).hint}`;
  }
}

const to = (address: string, from?: string, port = 22): Peer => ({ address, port, ...(from && { from }) });
const isp = parseSite(
  `vps: { ssh: v }\nrouter: { ssh: r }\nserver: ${server}\negress: isp\n`,
  "inventory/home.yaml",
);

describe("a change is refused where ds4 itself would be cut off", () => {
  it.each<[string, readonly Peer[]]>([
    ["on the server", [to("203.0.113.144", server)]],
    ["on the server, at another port", [to("203.0.113.144", server, 2222)]],
    ["by the server as a jump host", [to(server, "192.168.1.50"), to("203.0.113.144")]],
    ["by the server, and a name for the VPS", [to(server, "192.168.1.50"), to("vps.example")]],
  ])("%s", (_, way) => {
    const text = refusal({ vps: { way } });
    expect(text).toMatch(
      /^vps: ds4's own SSH connection leaves 192\.168\.1\.210 for (203\.0\.113\.144|vps\.example) by IPv4/,
    );
    expect(text).toMatch(
      /\nreach .* by its IPv6 address \(2001:db8:1::10\), or run ds4 from another machine$/,
    );
    // To Linux, that is the same.
    expect(refusal({ vps: { way } }, { site: linuxSite, hosts: atLinux })).toBe(text);
  });

  it("also at a jump host on the way, in front of any host, and both ways", () => {
    const way = [to("198.51.100.7", server), to("2001:db8:1::10")];
    for (const host of ["vps", "router"] as const) {
      expect(refusal({ [host]: { way } })).toMatch(
        new RegExp(
          `^${host}: .* for 198\\.51\\.100\\.7 by IPv4.*\nreach 198\\.51\\.100\\.7 by its IPv6 address, or`,
        ),
      );
      expect(refusal({ [host]: { way } }, { from: "set up", to: "nothing" })).toMatch(/^\w+: ds4's own/);
    }
  });

  it("and where it came from outside to a Linux machine that is the server", () => {
    const came = (client: string, address = server) => ({ home: { ssh4: { address, port: 22, client } } });
    const linux = { site: linuxSite, hosts: atLinux };
    expect(refusal(came("198.51.100.7"), linux)).toMatch(
      /^home: ds4's own SSH connection comes to 192\.168\.1\.210 from 198\.51\.100\.7 by IPv4.*\nreach the home machine by its IPv6/,
    );
    expect(refusal(came("198.51.100.7"), { ...linux, from: "set up", to: "nothing" })).not.toBe("");
    expect(refusal(came("198.51.100.7"), { ...linux, from: "set up" })).toBe("");
    expect(refusal(came("198.51.100.7", "192.168.1.211"), linux)).toBe("");
    for (const near of ["192.168.1.50", "10.1.2.3", "100.64.0.5", "127.0.0.1"])
      expect(refusal(came(near), linux)).toBe("");
  });
});

describe("a change is let be where ds4's own connections outlive it", () => {
  it.each<[string, Partial<Record<HostName, Came>>]>([
    ["by IPv4 from elsewhere at home", { vps: { way: [to("203.0.113.144", "192.168.1.50")] } }],
    [
      "by IPv6 from the server",
      { vps: { way: [to("2001:db8:1::10", "2001:db8:100::210")], ssh4: undefined } },
    ],
    ["from the server to the router in its LAN", { router: { way: [to("192.168.1.1", server)] } }],
    [
      "by the server, which reaches a name by IPv6",
      { vps: { way: [to(server, "192.168.1.50"), to("vps.example")], ssh4: undefined } },
    ],
    ["by the server to a router with a name", { router: { way: [to(server), to("router.lan")] } }],
    ["from outside, through the VPS", { router: { way: [to("203.0.113.144", "10.0.0.2", 2222)] } }],
    ["by a ProxyCommand", { vps: { way: [] } }],
  ])("%s", (_, came) => expect(refusal(came)).toBe(""));

  it("by the server to a Linux machine with a name in the same LAN", () => {
    const behind = parseSite(
      "vps: { ssh: v }\nhome: { kind: linux, ssh: h }\nserver: 192.168.1.50\n",
      "home.yaml",
    );
    const way = [to("192.168.1.50"), to("nas.lan")];
    const ssh4 = { address: server, port: 22, client: "192.168.1.50" };
    expect(refusal({ home: { way, ssh4 } }, { site: behind, hosts: atLinux })).toBe("");
    expect(refusal({ vps: { way } }, { site: behind, hosts: atLinux })).not.toBe("");
  });

  it("on the server, where its way out stays as it is", () => {
    const came = { vps: { way: [to("203.0.113.144", server)] } };
    expect(refusal(came, { from: "set up" })).toBe("");
    expect(refusal(came, { site: isp })).toBe("");
  });
});
