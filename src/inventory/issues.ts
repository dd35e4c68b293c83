import { stringify } from "yaml";
import type { z } from "zod";
import { examplePath } from "./example.js";
import { fields } from "./fields.js";
import { nearest } from "./nearest.js";
import { protocols } from "./protocols.js";
import type { Problem, YamlDocument } from "./yaml-document.js";

const PATHS = Object.keys(fields);
const exampleEntry = `- { server: ${exampleOf("forward.server")}, traffic: ${exampleOf("forward.traffic")} }`;
const SECTIONS = [
  ...new Set(PATHS.flatMap((path) => path.split(".").map((_, i, parts) => parts.slice(0, i).join(".")))),
];

/** Says what zod found in words for whoever wrote the file, each with its place. */
export function issueProblems(issues: readonly z.core.$ZodIssue[], document: YamlDocument): Problem[] {
  const problems = explainIssues(issues, document);
  return document.valueAt(["mode"]) === "relay" ? problems.map(forRelay) : problems;
}

/** What a relay can't pass on: everything but ports. */
const notRelayed = new RegExp(
  `\\b(?:all|IP|protocols?|254|${Object.keys(protocols)
    .filter((name) => name !== "tcp" && name !== "udp")
    .join("|")}|(?:tcp|udp)(?![a-z/+]))\\b`,
  "i",
);

/** A relay would refuse next what some hints propose. */
function forRelay(problem: Problem): Problem {
  if (!problem.message.startsWith("forward") || problem.hint === undefined) return problem;
  const own = problem.hint
    .replace(/, or \S+ for the IP protocol/, "")
    .replace(", or `server:` instead", "")
    .replace(exampleOf("forward.server"), "2001:db8:100::210");
  const hint =
    problem.message.startsWith("forward.traffic:") && notRelayed.test(own)
      ? "Write ports, such as tcp/443, udp/51820, tcp/8000-8009 or tcp/2222 -> 22: a relay passes on nothing else."
      : own;
  return { ...problem, hint };
}

function explainIssues(issues: readonly z.core.$ZodIssue[], document: YamlDocument): Problem[] {
  // A mistyped required key is one mistake, not two: `missing` adds nothing to "did you mean".
  const mistyped = new Set(
    issues.flatMap((issue) =>
      issue.code === "unrecognized_keys"
        ? issue.keys.map((key) =>
            keyName([...issue.path, nearest(key, keysUnder(keyName(issue.path))) ?? ""]),
          )
        : [],
    ),
  );
  return issues.flatMap((issue): Problem[] => {
    const path = issue.path;
    const name = keyName(path);
    if (issue.code === "unrecognized_keys")
      return issue.keys.map((key) => ({
        ...document.positionOfKey([...path, key]),
        ...explainUnknownKey(name, key),
      }));
    const value = document.valueAt(path);
    const either = { server: "forward", router: "home" }[name];
    if (value === undefined && (mistyped.has(name) || (either !== undefined && mistyped.has(either))))
      return [];
    const position = document.positionOf(path);
    if ((issue.code === "invalid_type" || issue.code === "invalid_value") && value == null)
      return [{ ...position, ...explainMissing(name) }];
    if (issue.code === "invalid_type") return [{ ...position, ...explainType(name, issue.expected, value) }];
    if (issue.code === "invalid_value")
      return [
        {
          ...position,
          message: `${name}: ${quote(value)} isn't one of its values`,
          hint: `Write ${issue.values.map(String).join(" or ")}${name === "home.kind" ? "" : ", or leave the key out"}.`,
        },
      ];
    if (issue.code === "too_small")
      return [
        {
          ...position,
          message: `${name}: is an empty list`,
          hint: `Write \`${exampleEntry}\`, or \`server:\` instead.`,
        },
      ];
    const hint = issue.code === "custom" ? (issue.params?.hint as string | undefined) : undefined;
    return [
      {
        ...position,
        message: `${name}: ${issue.message}`,
        ...(hint !== undefined && { hint }),
      },
    ];
  });
}

/** A key's name: without the numbers of a list's entries, which the line tells apart. */
export function keyName(path: readonly PropertyKey[]): string {
  return path.filter((part) => typeof part !== "number").join(".");
}

function explainMissing(name: string): { message: string; hint: string } {
  if (SECTIONS.includes(name))
    return name === "vps" || name === "router" || name === "home"
      ? {
          message: `${name}: missing`,
          hint: `Add \`${name}:\` and under it, indented, ${name === "home" ? "`kind: linux` and " : ""}\`ssh: ${exampleOf(`${name}.ssh`)}\`.`,
        }
      : { message: `${name}: has no keys under it`, hint: "Leave it out, or indent what belongs to it." };
  const required =
    name === "server" ||
    ["forward.server", "forward.traffic", "home.kind"].includes(name) ||
    name.endsWith(".ssh");
  const line = `${name.split(".").at(-1)}: ${exampleOf(name)}`;
  return required
    ? {
        message: `${name}: missing`,
        hint: name === "server" ? `Add \`${line}\`.` : `Add \`${line}\` under ${name.split(".")[0]}.`,
      }
    : { message: `${name}: has no value`, hint: `Write one, such as \`${line}\`, or leave the key out.` };
}

function explainType(name: string, expected: string, value: unknown): { message: string; hint: string } {
  if (name === "forward")
    return {
      message:
        expected === "array"
          ? `forward: is a list, and isn't ${describe(value)}`
          : `forward: an entry has keys, and isn't ${describe(value)}`,
      hint: `Write on a line of its own, indented, \`${exampleEntry}\`.`,
    };
  if (expected === "object") {
    if (name === "")
      return {
        message: "the file isn't `key: value` lines",
        hint: `Copy ${examplePath()} and change it.`,
      };
    const keys = PATHS.filter((path) => path.startsWith(`${name}.`)).map((path) =>
      path.slice(name.length + 1),
    );
    return {
      message: `${name}: has keys under it, and isn't ${describe(value)}`,
      hint: `Write on the next line, indented, \`${keys[0]}: ${exampleOf(`${name}.${keys[0]}`)}\`.`,
    };
  }
  const example = `${name.split(".").at(-1)}: ${exampleOf(name)}`;
  return expected === "number"
    ? {
        message: `${name}: ${describe(value)} isn't a number`,
        hint: `Write ${typeof value === "string" && /^\d+$/.test(value) ? "it without quotes" : "one"}, such as \`${example}\`.`,
      }
    : {
        message: `${name}: must be text, and isn't ${describe(value)}`,
        hint: `Write, for example, \`${example}\`.`,
      };
}

function explainUnknownKey(section: string, key: string): { message: string; hint: string } {
  const message = `${section === "" ? "" : `${section}: `}there is no key ${quote(key)}`;
  const siblings = keysUnder(section);
  const named = (like: (last: string) => boolean) =>
    [...PATHS, ...SECTIONS].filter((path) => path.includes(".") && like(path.split(".").at(-1)!));
  // That very key at another place comes before one here that is like it.
  const exact = named((last) => last === key);
  const meant = exact.length > 0 ? undefined : nearest(key, siblings);
  if (meant !== undefined) return { message, hint: `Did you mean ${meant}?` };
  const elsewhere = exact.length > 0 ? exact : named((last) => nearest(key, [last]) !== undefined);
  if (elsewhere.length > 0) return { message, hint: `Did you mean ${elsewhere.join(" or ")}?` };
  return { message, hint: `The keys here are ${siblings.join(", ")}.` };
}

function keysUnder(section: string): string[] {
  const prefix = section === "" ? "" : `${section}.`;
  return [
    ...new Set(
      PATHS.filter((path) => path.startsWith(prefix)).map((path) => path.slice(prefix.length).split(".")[0]!),
    ),
  ];
}

function exampleOf(name: string): string {
  const field = fields[name as keyof typeof fields];
  return String((field?.meta()?.examples as unknown[] | undefined)?.[0] ?? "…");
}

function describe(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  if (value !== null && typeof value === "object") return "a section of keys";
  return typeof value === "string"
    ? `the text ${quote(value)}`
    : `${typeof value === "number" ? "the number" : "the value"} ${quote(value)}`;
}

function quote(value: unknown): string {
  // A number as YAML has it: JSON knows no `.inf` and no `.nan`.
  const text = typeof value === "number" ? stringify(value).trim() : (JSON.stringify(value) ?? String(value));
  return text.length > 80 ? `${text.slice(0, 77)}…"` : text;
}
