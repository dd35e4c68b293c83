import { describe, expect, it } from "vitest";
import { z } from "zod";
import { HostError } from "../../../src/core/errors.js";
import { readJson } from "../../../src/core/json.js";

const schema = z.array(z.object({ dev: z.string() }));
const read = (stdout: string, code = 0) => readJson({ stdout, code }, "ip -j route", schema);

describe("JSON of a host's tool", () => {
  it("is read, whatever more it holds", () => {
    expect(read('[{"dev":"eth0","more":1}]\n')).toEqual([{ dev: "eth0" }]);
  });

  it("is an empty list where the tool has nothing to show", () => expect(read(" \n")).toEqual([]));

  it.each([
    ["is no JSON", 'Object "x" is unknown, try "ip help".\n', 0],
    ["has an unknown form", '[{"dev":7}]', 0],
    ["has an unknown form", '{"dev":"eth0"}', 0],
    ["is no JSON", '[{"dev":"et', 0],
    ["can't be read: boom", "boom", 1],
  ])("that %s is an error that names the tool: %s", (reason, text, code) => {
    expect(() => read(text, code)).toThrow(HostError);
    expect(() => read(text, code)).toThrow(`ip -j route ${reason}`);
  });

  it("that was never read is an error", () => {
    expect(() => readJson(undefined, "ip -j route", schema)).toThrow("ip -j route was not read");
  });
});
