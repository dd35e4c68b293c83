import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { Ds4Error, type InventoryError } from "../../../src/core/errors.js";
import { loadSite, parseSite } from "../../../src/inventory/load.js";
import { serversOf } from "../../../src/inventory/site.js";

const inventory = new URL("../../../inventory/", import.meta.url);

describe("an inventory file", () => {
  it("needs three lines; the rest has a default or is left out", () => {
    const text = "vps: {ssh: root@203.0.113.144}\nrouter: {ssh: root@192.168.1.1}\nserver: 192.168.1.210\n";
    expect(parseSite(text, "some/where/home.yaml")).toStrictEqual({
      name: "home",
      file: "some/where/home.yaml",
      mode: "tunnel",
      vps: { ssh: "root@203.0.113.144" },
      router: { ssh: "root@192.168.1.1", zones: {} },
      forwards: [{ server: "192.168.1.210", egress: "vps", line: 3, all: { except: [] }, flows: [] }],
      hairpin: "router",
      tunnel: { name: "wrap1", table: 42, end: "router" },
    });
  });

  it("has every key of the example, with its canonical value", async () => {
    const commented = readFileSync(new URL("example.yaml", inventory), "utf8");
    // Every commented key is taken up: a line "# key: value", indented or not.
    const text = commented.replace(/^( *)# ((?: *)[a-zA-Z0-9]+:(?: \S+)?)$/gm, "$1$2");
    expect(parseSite(text, "example.yaml")).toStrictEqual({
      name: "example",
      file: "example.yaml",
      mode: "tunnel",
      vps: {
        ssh: "root@203.0.113.144",
        uplink: "eth0",
        publicIPv4: "203.0.113.144",
        endpoint: "2001:db8:1:0:203:0:113:144",
        persist: "systemd",
      },
      router: {
        ssh: "root@192.168.1.1",
        uplink: "wan6",
        endpoint: "2001:db8:100:0:203:0:113:144",
        zones: { wan: "wan", lan: "lan" },
        lan: "192.168.1.0/24",
      },
      forwards: [{ server: "192.168.1.210", egress: "isp", line: 50, all: { except: [] }, flows: [] }],
      hairpin: "vps",
      tunnel: { name: "wrap1", mtu: 1460, table: 42, end: "router" },
    });
  });

  it("loads as it is shipped", async () => {
    const example = await loadSite(new URL("example.yaml", inventory).pathname);
    const lab = await loadSite(new URL("lab.yaml", inventory).pathname);
    const relay = await loadSite(new URL("example-relay.yaml", inventory).pathname);
    expect([relay.mode, relay.router, serversOf(relay)]).toEqual(["relay", undefined, ["2001:db8:100::210"]]);
    const several = await loadSite(new URL("example-forward.yaml", inventory).pathname);
    const linux = await loadSite(new URL("example-linux.yaml", inventory).pathname);
    expect(linux.router).toBeUndefined();
    expect(linux.home).toEqual({ kind: "linux", ssh: "root@192.168.1.210" });
    const linuxLab = await loadSite(new URL("lab-linux.yaml", inventory).pathname);
    expect([linuxLab.vps.ssh, linuxLab.home?.ssh]).toEqual(["vps", "home"]);
    expect(serversOf(several)).toEqual(["192.168.1.210", "192.168.1.211"]);
    expect([example.vps.ssh, lab.vps.ssh, lab.router?.ssh, serversOf(lab)]).toEqual([
      "root@203.0.113.144",
      "vps",
      "router",
      ["192.168.1.210"],
    ]);
  });

  it("may write IPv6 in any form, and is kept in one", () => {
    const text =
      "vps: {ssh: a, endpoint: 2001:0DB8:0001::203:0:113:144}\nrouter: {ssh: b}\nserver: 10.1.2.3\n";
    expect(parseSite(text, "x.yaml").vps.endpoint).toBe("2001:db8:1:0:203:0:113:144");
  });

  it("takes the ends of the ranges", () => {
    for (const [mtu, table] of [
      [1240, 1],
      [65495, 252],
      [1460, 256],
      [1460, 4294967295],
    ]) {
      const text = `vps: {ssh: a}\nrouter: {ssh: b}\nserver: 10.1.2.3\ntunnel: {mtu: ${mtu}, table: ${table}}\n`;
      expect(parseSite(text, "x.yaml").tunnel).toEqual({ name: "wrap1", mtu, table, end: "router" });
    }
  });

  it("takes .0 and .255 in a LAN that is larger than /24", () => {
    const text = "vps: {ssh: a}\nrouter: {ssh: b, lan: 10.0.0.0/16}\nserver: 10.0.1.255\n";
    expect(serversOf(parseSite(text, "x.yaml"))).toEqual(["10.0.1.255"]);
  });

  it("that can't be read is a Ds4Error that names it", async () => {
    await expect(loadSite("/nonexistent/home.yaml")).rejects.toThrow(Ds4Error);
    await expect(loadSite("/nonexistent/home.yaml")).rejects.toThrow(/\/nonexistent\/home\.yaml/);
  });
});

describe("what is wrong with a file leads to one thing to write", () => {
  const wrong = (text: string) => {
    try {
      parseSite(text, "home.yaml");
    } catch (error) {
      return (error as InventoryError).problems.map(
        ({ line, message, hint }) => `${line}: ${message} -> ${hint}`,
      );
    }
    return expect.unreachable("it was accepted");
  };
  const site = (...lines: readonly string[]) =>
    ["vps: { ssh: a }", "router: { ssh: b }", "server: 192.168.1.2", ...lines, ""].join("\n");

  it.each([
    [
      "vps:\n\tssh: a\nrouter:\n\tssh: b\n",
      [2, 4].map((line) => `${line}: a tab indents this line -> YAML wants spaces.`),
    ],
    [
      "vps: { ssh: a }\nrouter: { ssh: b, wan: wan }\nserver: 192.168.1.2\n",
      ['2: router: there is no key "wan" -> Did you mean router.zones.wan?'],
    ],
    [
      "vps: { sssh: a }\nrouter: { ssh: b }\nserver: 192.168.1.2\n",
      ['1: vps: there is no key "sssh" -> Did you mean ssh?'],
    ],
    [
      site("tunnel: { table: 254.4 }"),
      [
        "4: tunnel.table: 254.4 is no whole number -> Write a free table's number, such as 42, or leave the key out.",
      ],
    ],
    [
      site("tunnel: { table: main }"),
      ['4: tunnel.table: the text "main" isn\'t a number -> Write one, such as `table: 42`.'],
    ],
    [
      site("tunnel: !!omap [name: x]"),
      [
        "4: a word that begins with `!` is a tag in YAML, and tags aren't supported here -> Leave the tag out, or put the value in quotes if the `!` belongs to it.",
      ],
    ],
  ])("%j", (text, problems) => {
    expect(wrong(text)).toEqual(problems);
  });
});

describe("what can't be seen in a file, or isn't known of YAML", () => {
  const first = (ssh: string, more = "") => {
    try {
      parseSite(`vps:\n  ssh: ${ssh}\nrouter: { ssh: b }\nserver: 192.168.1.2\n${more}`, "home.yaml");
    } catch (error) {
      const { line, column, message, hint } = (error as InventoryError).problems[0]!;
      return `${line}:${column}: ${message} -> ${hint}`;
    }
    return "accepted";
  };
  const invisible = "Delete it, and type a space if there has to be one.";

  it.each([
    ["ro\u200bot@a", `2:10: an invisible character is here: U+200B (zero-width space) -> ${invisible}`],
    ["a\u00a0", `2:9: an invisible character is here: U+00A0 (no-break space) -> ${invisible}`],
    ["a\ufeffb", `2:9: an invisible character is here: U+FEFF (byte order mark) -> ${invisible}`],
    ["a\u202eb", `2:9: an invisible character is here: U+202E -> ${invisible}`],
    ["“a”", "2:8: “ (U+201C) isn't what a keyboard types -> Type \" instead."],
    ["a\ufffd", "2:9: this character isn't UTF-8 -> Save the file as UTF-8."],
    ['"a', '2:8: this quote is never closed -> Write another " behind the value, or leave both out.'],
    ["@a", "2:8: a value can't begin with @ -> Put the whole value in quotes."],
    ["a # “a note” with a\u200b", "accepted"],
  ])("ssh: %s", (ssh, problem) => {
    expect(first(ssh)).toBe(problem);
  });

  it("is an escape, too", () => {
    expect(first('"a\\u200bb"')).toContain("has U+200B in it, which ssh would not take");
  });

  it("is an arrow in a value, an open bracket, a merge key, a tag or an anchor, where it stands", () => {
    expect(first("a", "forward: [{ traffic: tcp/2 → 22 }]")).toContain("5:28: → (U+2192)");
    expect(first("a", "tunnel: { mtu: 1460\n")).toContain("5:9: this { is never closed");
    expect(first("a", "tunnel:\n  <<: { mtu: 1460 }\n")).toContain("6:3: `<<` takes over keys");
    expect(first("!!binary aGk=")).toContain("2:8: a word that begins with `!`");
    expect(first("&x a")).toContain("2:8: `&` names a part");
  });

  it("is UTF-16, or a byte order mark at the very beginning, which is nothing wrong", () => {
    for (const start of ["\ufeff", ""]) {
      const text = Buffer.from(`${start}vps:\n`, "utf16le");
      for (const bytes of [text, Buffer.from(text).swap16()])
        expect(() => parseSite(bytes.toString("utf8"), "home.yaml")).toThrow("the file is UTF-16");
    }
    const site = "\ufeffvps: { ssh: a }\nrouter: { ssh: b }\nserver: 192.168.1.2\n";
    expect(parseSite(site, "home.yaml").vps.ssh).toBe("a");
  });
});
