import { expect, it } from "vitest";
import { readLoad } from "../../../src/commands/bench.js";

const load = (url: string | undefined, download: string) =>
  readLoad({ ...(url && { url }), download, upload: 0, rounds: 5, count: 100 }, "192.168.1.210");

it.each([
  [undefined, "/large.bin", "http://192.168.1.210/large.bin"],
  ["https://home.example/", "/large.bin", "https://home.example/large.bin"],
  ["https://home.example/", "https://home.example:443/large.bin", "https://home.example/large.bin"],
])("what is downloaded is on the measured server: %s, %s", (url, download, href) => {
  expect(load(url, download).download?.href).toBe(href);
});

it.each(["https://mirror.example/large.bin", "//mirror.example/large.bin", "http://home.example/large.bin"])(
  "what isn't, by no way that is measured, is refused: %s",
  (download) => {
    expect(() => load("https://home.example/", download)).toThrow(
      `--download '${download}' is not on https://home.example, whose ways are measured`,
    );
  },
);
