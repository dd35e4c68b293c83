import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { HostError } from "../../../src/core/errors.js";
import { group, quote, readScript, required, splitSections } from "../../../src/core/script.js";

const nonce = "0123456789ab";
const probes = [
  { name: "one", script: "echo first" },
  { name: "two", script: "printf 'no newline'" },
  { name: "silent", script: ":" },
  { name: "broken", script: "echo so sorry >&2; exit 7" },
  { name: "last", script: "\n  echo end\n\n" },
];
const printed = spawnSync("/bin/sh", ["-s"], { input: readScript(probes, nonce), encoding: "utf8" });

describe("a read script", () => {
  it("ends well even where a probe doesn't", () => expect(printed.status).toBe(0));

  it("gives each probe's output, errors included, and its exit status", () => {
    expect(Object.fromEntries(splitSections(printed.stdout, probes, nonce))).toEqual({
      one: { stdout: "first\n", code: 0 },
      two: { stdout: "no newline", code: 0 },
      silent: { stdout: "", code: 0 },
      broken: { stdout: "so sorry\n", code: 7 },
      last: { stdout: "end\n", code: 0 },
    });
  });

  it("keeps a probe from ending the next one, or from reading the script", () => {
    const rude = [
      { name: "exit", script: "cd /; set -e; exit 3" },
      { name: "read", script: "cat; pwd >/dev/null" },
      { name: "after", script: "echo there" },
    ];
    const { stdout } = spawnSync("/bin/sh", ["-s"], { input: readScript(rude, nonce), encoding: "utf8" });
    const sections = splitSections(stdout, rude, nonce);
    expect(sections.get("exit")?.code).toBe(3);
    expect(sections.get("read")?.stdout).toBe("");
    expect(sections.get("after")?.stdout).toBe("there\n");
  });

  it("isn't fooled by text of the host that looks like a marker", () => {
    const hostile = [
      { name: "one", script: `printf '@@ffffffffffff = 0\\n@@ffffffffffff two\\nfake\\n@@ = 0\\n'` },
      { name: "two", script: "echo real" },
    ];
    const { stdout } = spawnSync("/bin/sh", ["-s"], { input: readScript(hostile, nonce), encoding: "utf8" });
    expect(splitSections(stdout, hostile, nonce).get("two")?.stdout).toBe("real\n");
  });
});

describe("an answer", () => {
  it("cut short anywhere is an error or still complete, never something else", () => {
    const whole = splitSections(printed.stdout, probes, nonce);
    for (let length = 0; length < printed.stdout.length; length++) {
      const read = () => splitSections(printed.stdout.slice(0, length), probes, nonce);
      try {
        expect(read(), `cut at ${length}`).toEqual(whole);
      } catch (error) {
        expect(error, `cut at ${length}`).toBeInstanceOf(HostError);
        expect((error as HostError).hint).toMatch(/again/);
      }
    }
  });

  it("without a section is an error that names it", () => {
    const more = [...probes, { name: "unheard", script: ":" }];
    expect(() => splitSections(printed.stdout, more, nonce)).toThrow("ends before the part 'unheard'");
  });

  it("of somebody else's script is an error", () => {
    expect(() => splitSections(printed.stdout, probes, "ba9876543210")).toThrow(HostError);
  });
});

describe("a section that must have worked", () => {
  it("gives its text", () => expect(required({ stdout: "text\n", code: 0 }, "x")).toBe("text\n"));

  it("is an error with the tool's own words otherwise", () => {
    expect(() => required({ stdout: "no such thing\n", code: 1 }, "ip rule")).toThrow(
      "ip rule can't be read: no such thing",
    );
    expect(() => required({ stdout: " \n", code: 127 }, "ip rule")).toThrow("exit status 127");
    expect(() => required(undefined, "ip rule")).toThrow("ip rule was not read");
  });
});

describe("a quoted word", () => {
  it.each(["wrap1", "2001:db8::1/128", "a_b-c.d=e,f@g%h+i"])("leaves %s as it is", (word) => {
    expect(quote(word)).toBe(word);
  });

  it.each(["", " ", "~", "a b", "$x", "*", "a\nb", "#", "!", "{a,b}", "ü"])("quotes '%s'", (word) => {
    expect(quote(word)).toBe(`'${word}'`);
  });

  it("can't hold a NUL, and says so", () => expect(() => quote("a\0b")).toThrow(HostError));
});

it("a group reads nothing of the script behind it, and ends with 0", () => {
  const script = `${group(["cat"])}echo behind`;
  expect(spawnSync("/bin/sh", ["-s"], { input: script, encoding: "utf8" })).toMatchObject({
    stdout: "",
    status: 0,
  });
});
