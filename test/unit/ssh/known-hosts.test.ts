import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it, onTestFinished } from "vitest";
import {
  fingerprint,
  judge,
  keyType,
  knownAlgorithms,
  matchesName,
  parseKnownHosts,
  renderKnownHost,
} from "../../../src/ssh/known-hosts.js";
import { ecdsa, ed25519, publicBlob, rsa } from "../../integration/ssh/test-server.js";

const [a, b, r, e] = [ed25519(), ed25519(), rsa(), ecdsa()].map(publicBlob) as [
  Buffer,
  Buffer,
  Buffer,
  Buffer,
];
const line = (names: string, key: Buffer, marker = "") =>
  `${marker}${names} ${keyType(key)} ${key.toString("base64")}`;
const read = (...lines: string[]) => parseKnownHosts(lines.join("\n"), "known_hosts");
const hasSshKeygen = spawnSync("ssh-keygen", ["-F", "x", "-f", "/dev/null"]).error === undefined;

describe("a known_hosts file", () => {
  it("knows a host by name, address, [host]:port and pattern", () => {
    const entries = read(
      line("vps,203.0.113.144", a),
      line("[vps]:2222", b),
      line("*.example.org,!bad.example.org", r),
    );
    expect(judge(entries, "vps", a).is).toBe("known");
    expect(judge(entries, "203.0.113.144", a).is).toBe("known");
    expect(judge(entries, "[vps]:2222", b).is).toBe("known");
    expect(judge(entries, "www.example.org", r).is).toBe("known");
    expect(judge(entries, "bad.example.org", r).is).toBe("unknown");
    expect(judge(entries, "[vps]:22", a).is).toBe("unknown");
  });

  it("knows a hashed name", () => {
    const [entry] = read(renderKnownHost("[vps]:2222", a, true));
    expect(entry?.names).toMatch(/^\|1\|[\w+/]{27}=\|[\w+/]{27}=$/);
    expect(judge([entry!], "[vps]:2222", a).is).toBe("known");
    expect(judge([entry!], "vps", a).is).toBe("unknown");
  });

  it.skipIf(!hasSshKeygen)("is understood as ssh-keygen does, and the other way round", () => {
    const folder = mkdtempSync(join(tmpdir(), "ds4-known-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const file = join(folder, "known_hosts");
    const names = [
      "vps",
      "[vps]:2222",
      "2001:db8::1",
      "[2001:db8::1]:2222",
      "www.example.org",
      "bad.example.org",
      "node.test",
      "node1.test",
      "node12.test",
      "other",
    ];
    writeFileSync(
      file,
      `${line("vps,2001:db8::1", a)}\n${line("*.example.org,!bad.example.org,node?.test", b)}\n`,
    );
    writeFileSync(
      file,
      `${renderKnownHost("[vps]:2222", r, true)}\n${renderKnownHost("[2001:db8::1]:2222", e, false)}\n`,
      { flag: "a" },
    );
    const found = (name: string) =>
      spawnSync("ssh-keygen", ["-F", name, "-f", file], { encoding: "utf8" }).stdout.includes("found");
    const before = read(...spawnSync("cat", [file], { encoding: "utf8" }).stdout.split("\n"));
    for (const name of names)
      expect(
        before.some((entry) => matchesName(entry.names, name)),
        name,
      ).toBe(found(name));
    // And what ssh-keygen hashes is still known here. It leaves patterns as they are.
    spawnSync("ssh-keygen", ["-H", "-f", file]);
    const after = read(...spawnSync("cat", [file], { encoding: "utf8" }).stdout.split("\n"));
    expect(after.filter((entry) => entry.names.startsWith("|1|")).length).toBeGreaterThanOrEqual(3);
    for (const name of names)
      expect(
        after.some((entry) => matchesName(entry.names, name)),
        name,
      ).toBe(found(name));
  });

  it("says where the key is that another one replaced", () => {
    const verdict = judge(read("# comment", "", line("vps", r), line("vps", a)), "vps", b);
    expect(verdict).toMatchObject({ is: "changed", entry: { line: 4, file: "known_hosts" } });
  });

  it("takes any of several keys of a host", () => {
    const entries = read(line("vps", a), line("vps", b), line("vps", r));
    for (const key of [a, b, r]) expect(judge(entries, "vps", key).is).toBe("known");
  });

  it("takes a key of another type for a change: the known types were asked for", () => {
    expect(judge(read(line("vps", r)), "vps", a)).toMatchObject({
      is: "changed",
      entry: { type: "ssh-rsa" },
    });
  });

  it("refuses a revoked key, though it is known", () => {
    const entries = read(line("vps", a), line("*", a, "@revoked "));
    expect(judge(entries, "vps", a).is).toBe("revoked");
    expect(judge(read(line("vps", b, "@revoked ")), "vps", a).is).toBe("unknown");
  });

  it("passes over authorities, comments and what it can't read", () => {
    const entries = read(
      line("vps", a, "@cert-authority "),
      "vps ssh-ed25519",
      "vps ssh-rsa AAAA",
      "@what vps x y",
      "vps 1024 35 123",
    );
    expect(judge(entries, "vps", a).is).toBe("unknown");
    expect(knownAlgorithms(entries, "vps")).toEqual([]);
  });

  it("tells the algorithms of the types that it has", () => {
    const entries = read(line("vps", r), line("vps", a), line("other", e));
    expect(knownAlgorithms(entries, "vps")).toEqual([
      "rsa-sha2-512",
      "rsa-sha2-256",
      "ssh-rsa",
      "ssh-ed25519",
    ]);
  });

  it("may hold anything", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.string(), (text, name) => {
        judge(parseKnownHosts(text, "f"), name, a);
        matchesName(text, name);
      }),
      { numRuns: 200 },
    );
  });

  it.skipIf(!hasSshKeygen)("has ssh-keygen's fingerprints", () => {
    const { stdout } = spawnSync("ssh-keygen", ["-lf", "-"], {
      input: `${keyType(r)} ${r.toString("base64")}\n`,
      encoding: "utf8",
    });
    expect(stdout).toContain(fingerprint(r));
  });
});
