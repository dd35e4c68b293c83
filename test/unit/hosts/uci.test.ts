import { describe, expect, it } from "vitest";
import { HostError } from "../../../src/core/errors.js";
import { parseUciExport, valuesOf } from "../../../src/hosts/router/uci.js";
import { recorded, recordedConfigs } from "../recorded.js";

const first = (text: string) => parseUciExport(text)[0];

describe("what a real router's uci wrote", () => {
  it("was recorded several times", () => expect(recordedConfigs().length).toBeGreaterThan(6));

  it.each(recordedConfigs())("reads: %s", (_, text) => {
    const sections = parseUciExport(text);
    const lines = (word: string) => text.match(new RegExp(`^\\s*${word}\\s`, "gm"))?.length ?? 0;
    expect(sections).toHaveLength(lines("config"));
    const values = sections.flatMap(({ options }) => Object.values(options).flat());
    // Nothing is lost; an option that is there twice counts once.
    expect(values.length).toBeLessThanOrEqual(lines("option") + lines("list"));
    expect(values.length).toBeGreaterThanOrEqual(lines("option") + lines("list") - 1);
  });

  it("gives names, types, options, lists and quotes back", () => {
    const text = recorded("uci-basics", 55);
    expect(parseUciExport(text.slice(text.indexOf("package ")))).toEqual([
      {
        name: "main",
        type: "tunnel",
        anonymous: false,
        options: { vps: "2001:db8:1::9", quoted: "it's here", port: ["443", "8443"] },
      },
      { name: "", type: "host", anonymous: true, options: { name: "first", ip: "192.168.1.10" } },
      { name: "", type: "host", anonymous: true, options: { name: "second", ip: "192.168.1.11" } },
    ]);
  });
});

describe("an export", () => {
  it("may hold values over several lines, empty ones, and ones that look like lines", () => {
    expect(
      first("config a 'b'\n\toption x 'one\n\toption y '\\''2'\\''\n'\n\toption z ''\n")?.options,
    ).toEqual({
      x: "one\n\toption y '2'\n",
      z: "",
    });
  });

  it("may hold blanks, tabs and backslashes in a value", () => {
    expect(first(`config a 'b'\n\toption x ' a\tb  c \\ "d" '\n`)?.options).toEqual({
      x: ' a\tb  c \\ "d" ',
    });
  });

  it("of nothing has no sections", () => {
    expect(parseUciExport("")).toEqual([]);
    expect(parseUciExport("package network\n\n")).toEqual([]);
  });

  it.each([
    ["an unknown line", "config a 'b'\n\tremark x 'y'\n"],
    ["an option before any section", "package x\n\toption a 'b'\n"],
    ["an option without a value", "config a 'b'\n\toption x\n"],
    ["a quote that isn't closed", "config a 'b'\n\toption x 'y\n"],
    ["a message in its place", "uci: Entry not found\n"],
  ])("with %s is an error, and not half a configuration", (_, text) => {
    expect(() => parseUciExport(text)).toThrow(HostError);
  });
});

describe("the values of an option", () => {
  const section = first("config zone\n\toption one 'lan  guest'\n\tlist more 'a'\n\tlist more 'b c'\n");

  it("are its words, the list's entries, or none", () => {
    expect(section && valuesOf(section, "one")).toEqual(["lan", "guest"]);
    expect(section && valuesOf(section, "more")).toEqual(["a", "b c"]);
    expect(section && valuesOf(section, "none")).toEqual([]);
  });
});
