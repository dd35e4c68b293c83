import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { aimFor, changeScript, nothing, planSite } from "../../../src/converge/plan-site.js";
import { type AnyReading, readHosts, type Shells } from "../../../src/converge/read.js";
import { Ds4Error, InventoryError } from "../../../src/core/errors.js";
import { type HostName, hostEntries, hostNames, mapHosts } from "../../../src/core/hosts.js";
import type { Shell } from "../../../src/core/shell.js";
import { parseSite } from "../../../src/inventory/load.js";
import { hostsOf, type Site } from "../../../src/inventory/site.js";
import { resolveHost } from "../../../src/ssh/host-config.js";
import { parseTarget } from "../../../src/ssh/target.js";
import { recordedShell } from "../../cases/recorded-shell.js";
import { runScript, shells, title } from "../../shells.js";
import { hostile, makeSandbox, trap } from "./sandbox.js";

const valid = {
  vps: {
    ssh: "root@203.0.113.144",
    uplink: "eth0",
    publicIPv4: "203.0.113.144",
    endpoint: "primary",
    persist: "systemd",
  },
  router: {
    ssh: "root@192.168.1.1",
    uplink: "wan6",
    endpoint: "2001:db8:100::5",
    zones: { wan: "wan", lan: "lan" },
    lan: "192.168.1.0/24",
  },
  server: "192.168.1.210",
  tunnel: { name: "wrap1", mtu: 1400, table: 42 },
};
const { router: _, ...rest } = valid;
const validLinux = {
  ...rest,
  home: {
    kind: "linux",
    ssh: "root@192.168.1.210",
    uplink: "eth0",
    endpoint: "2001:db8:100::5",
    persist: "systemd",
  },
};
const { server: __, ...withoutServer } = valid;
const validForwards = {
  ...withoutServer,
  // Hosts as recorded have one public IPv4; that an entry has its own is said all the same.
  forward: [
    {
      server: "192.168.1.210",
      publicIPv4: "203.0.113.144",
      traffic: ["tcp/443", "udp/5060-5070", "tcp/2222 -> 22", "gre"],
      egress: "isp",
    },
    { server: "192.168.1.211", traffic: "all except tcp/22" },
  ],
  egress: "vps",
  hairpin: "vps",
  tunnel: { ...valid.tunnel, end: "router" },
};
const validRelay = {
  mode: "relay",
  vps: valid.vps,
  forward: [
    { server: "2001:db8:100::210", traffic: ["tcp/443", "udp/5060-5062"] },
    { server: "home.example.org", publicIPv4: "203.0.113.144", traffic: "tcp/2222 -> 22" },
  ],
};
const inventories = [valid, validLinux, validForwards, validRelay];
type Inventory = (typeof inventories)[number];
const leaves = (value: object, path: string[] = []): string[][] =>
  Object.entries(value).flatMap(([key, entry]) =>
    typeof entry === "object" ? leaves(entry, [...path, key]) : [[...path, key]],
  );

/** An inventory with another value in one place. */
function withValue(base: Inventory, path: readonly string[], turn: (value: unknown) => unknown): string {
  const copy = structuredClone(base) as Record<string, unknown>;
  const parent = path.slice(0, -1).reduce((at, key) => at[key] as Record<string, unknown>, copy);
  const last = path.at(-1) ?? "";
  parent[last] = turn(parent[last]);
  return stringify(copy);
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: a terminal would obey them
const control = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/;

/** The site, or undefined where it is refused as it should be. */
function siteOf(text: string, file: string): Site | undefined {
  try {
    return parseSite(text, file);
  } catch (error) {
    if (!(error instanceof Ds4Error)) throw error;
    expect(error.message).not.toMatch(control);
    if (error instanceof InventoryError) {
      for (const { line, column } of error.problems) expect([line > 0, column > 0]).toEqual([true, true]);
    }
    return undefined;
  }
}

/** The hosts of a site as they were recorded in a state, each made into something. */
function recordedHosts(site: Site, state: string, make: (shell: Shell, host: HostName) => Shell): Shells {
  const name = site.home === undefined ? state : `linux-${state}`;
  return Object.fromEntries(
    hostsOf(site).map((host) => [host, make(recordedShell(name, host), host)]),
  ) as unknown as Shells;
}

/** Every script that a site comes to: reading, setting up, taking away. */
async function scriptsOf(site: Site): Promise<string[]> {
  const read: string[] = [];
  const reading = await readHosts(
    site,
    recordedHosts(site, "fresh", (shell) => ({
      ...shell,
      run: (script) => {
        read.push(script);
        return shell.run(script);
      },
    })),
  );
  const { target } = aimFor(site, reading);
  const apply = planSite(reading, target);
  const teardown = planSite(
    mapHosts(reading as AnyReading, (own, host) => ({ ...own, actual: target[host] ?? new Map() })),
    nothing,
  );
  return [
    ...read,
    ...[apply, teardown].flatMap((plan) => hostEntries(plan).map(([, own]) => changeScript(own))),
  ];
}

describe("hostile text in the inventory", () => {
  const taken: Site[] = [];

  it("is refused with its place in the file, or is taken as text", () => {
    for (const [at, text] of hostile.entries()) {
      for (const base of inventories) {
        for (const path of leaves(base)) {
          for (const turn of [...(at % 3 === 0 ? [() => text] : []), (value: unknown) => `${value}${text}`]) {
            const site = siteOf(withValue(base, path, turn), "inventory/home.yaml");
            if (site !== undefined) taken.push(site);
          }
        }
      }
    }
    // All but what may stand in the name of a host to connect to.
    expect(
      JSON.stringify(
        taken.map(({ vps, router, home, ...rest }) => [
          [vps.uplink, router?.uplink, router?.zones],
          [home?.kind, home?.uplink, home?.endpoint, rest],
        ]),
      ),
    ).not.toMatch(/[$`;|&<>]/);
  });

  it("is refused as the name of the file, which is the site's", () => {
    for (const text of hostile) {
      for (const name of [text, `home${text}`, `home ${text} x`]) {
        const site = siteOf(stringify(valid), `inventory/${name}.yaml`);
        if (site !== undefined) taken.push(site);
      }
    }
    for (const name of ["home", "Köln 2", "my_home.old-1"])
      expect(siteOf(stringify(valid), `inventory/${name}.yaml`)?.name).toBe(name);
  });

  for (const shell of shells) {
    it.skipIf(shell.missing)(
      title(shell, "that was taken runs nothing on either host"),
      async () => {
        const strange: readonly (readonly [Inventory, readonly string[], string])[] = [
          ...[valid, validLinux, validForwards].map(
            (base) => [base, ["tunnel", "name"], `a-${trap}`.slice(0, 15)] as const,
          ),
          // As a name of the server's, the trap itself may stand there.
          [validRelay, ["forward", "1", "server"], trap],
        ];
        const odd = strange.flatMap(
          ([base, path, text]) =>
            siteOf(
              withValue(base, path, () => text),
              "inventory/a - b.c_ Ü.yaml",
            ) ?? [],
        );
        const named = taken
          .filter(({ name }) => name !== "home")
          .sort((a, b) => Number(b.name.includes("\n")) - Number(a.name.includes("\n")))
          .slice(0, 1);
        expect(odd).toHaveLength(inventories.length);
        for (const site of [...odd, ...named]) {
          for (const script of await scriptsOf(site)) {
            const sandbox = makeSandbox(shell, site.tunnel.name);
            try {
              const { stderr, code } = sandbox.run(script);
              // To its end: otherwise this would prove nothing of the rest.
              expect({ code, stderr: code === 0 ? "" : stderr, caught: sandbox.caught() }).toEqual({
                code: 0,
                stderr: "",
                caught: false,
              });
            } finally {
              sandbox.remove();
            }
          }
        }
      },
      60_000,
    );

    it.skipIf(shell.missing)(title(shell, "would be caught"), () => {
      const sandbox = makeSandbox(shell, "wrap1");
      const { stdout } = sandbox.run(
        `{ set -eu; mkdir -p /etc/ds4; echo x >/etc/ds4/y; cat /etc/ds4/y; : ${hostile[0]}; }\n`,
      );
      expect([stdout, sandbox.caught()]).toEqual(["x\n", true]);
      sandbox.remove();
    });
  }
});

describe("what a host says", () => {
  const sites = ["{ ssh: v }", "{ ssh: v, endpoint: primary }"].flatMap((vps) => [
    parseSite(`vps: ${vps}\nrouter: { ssh: r }\nserver: 192.168.1.210\n`, "lab.yaml"),
    parseSite(`vps: ${vps}\nhome: { kind: linux, ssh: h }\nserver: 192.168.1.210\n`, "lab-linux.yaml"),
  ]);
  /** The site's hosts but for this one. */
  const others = (site: Site, liar: HostName) => hostsOf(site).filter((host) => host !== liar);

  /** What the honest host would be told, where `liar` answers with a changed text; undefined where ds4 refuses. */
  async function toldTo(liar: HostName, state: string, site: Site, spoil: (text: string) => string) {
    const hosts = recordedHosts(site, state, (shell, host) => ({
      ...shell,
      run: async (script) => {
        const result = await shell.run(script);
        return host === liar ? { ...result, stdout: spoil(result.stdout) } : result;
      },
    }));
    try {
      const reading = await readHosts(site, hosts);
      const { target } = aimFor(site, reading);
      return [planSite(reading, nothing), planSite(reading, target)].flatMap((plan) => {
        return others(site, liar).flatMap((host) => {
          const own = plan[host];
          return own === undefined ? [] : [changeScript(own)];
        });
      });
    } catch (error) {
      if (!(error instanceof Ds4Error)) throw error;
      expect(error.message).not.toMatch(control);
      return undefined;
    }
  }

  it.each(hostNames)("as an address of the %s is an address, or refused", async (liar) => {
    const own = sites.filter((site) => hostsOf(site).includes(liar));
    let text = "";
    await toldTo(liar, "fresh", own[0] as Site, (said) => {
      text = said;
      return said;
    });
    const quoted = [...new Set(text.match(/"[0-9a-f]{4}:[0-9a-f:]+"|"(?:\d+\.){3}\d+"/g))];
    expect(quoted.length).toBeGreaterThan(3);
    for (const address of quoted) {
      for (const bad of hostile.slice(0, -1)) {
        const spoil = (said: string) =>
          said.replaceAll(address, () => JSON.stringify(`${address.slice(1, -1)}${bad}`));
        for (const site of own) {
          for (const script of (await toldTo(liar, "fresh", site, spoil)) ?? []) {
            expect(script).not.toContain(trap);
          }
        }
      }
    }
  });

  it("never gets into the other one's scripts as text, and is never a bug of ds4's", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...sites.flatMap((site) => hostsOf(site).map((liar) => [site, liar] as const))),
        fc.constantFrom("fresh", "in-sync"),
        fc.constantFrom(...hostile, "", "0", "-1", "1e999", "[[[[", "{}", '"', "\u0000\u00ff\ufffd"),
        fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
        fc.boolean(),
        async ([site, liar], state, text, at, everywhere) => {
          const spoil = (stdout: string) => {
            const words = [...stdout.matchAll(/[\w.:/-]{2,}/g)].filter(
              ({ 0: word }) => !/^[0-9a-f]{12}$/.test(word),
            );
            const word = words[Math.floor(at * words.length)];
            if (word === undefined) return stdout;
            return everywhere
              ? stdout.replaceAll(word[0], () => `${word[0]}${text}`)
              : `${stdout.slice(0, word.index)}${text}${stdout.slice(word.index + word[0].length)}`;
          };
          for (const script of (await toldTo(liar, state, site, spoil)) ?? []) {
            expect(script).not.toContain(trap);
          }
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe("hostile text as the name of a host", () => {
  const home = mkdtempSync(join(tmpdir(), "ds4-hostile-"));
  afterAll(() => rmSync(home, { recursive: true, force: true }));

  it.each(shells)("runs nothing by way of a ProxyCommand in $name", (shell) => {
    const config = join(home, "config");
    writeFileSync(config, "Host *\n  ProxyCommand printf '%%s\\n' %h %n %p %r\n");
    const surroundings = { home, user: "me", environment: {}, systemFolder: home };
    const commands = hostile
      .flatMap((text) => [
        text,
        `root@${text}`,
        `${text}@host`,
        `host${text}`,
        `a${text}@host`,
        `ssh://${text}@host:22`,
      ])
      .flatMap((text) => {
        try {
          return [resolveHost(parseTarget(text), surroundings, config).proxyCommand ?? ""];
        } catch (error) {
          if (!(error instanceof Ds4Error)) throw error;
          return [];
        }
      });
    const { stdout } = runScript(shell, `${trap}() { echo caught; }\n${commands.join("\n")}\n`);
    expect(stdout.split("\n")).not.toContain("caught");
  });
});
