import { readdirSync, readFileSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import SSHConfig, { glob, type Line, LineType, type Match, type Section } from "ssh-config";
import { Ds4Error } from "../core/errors.js";
import type { Surroundings } from "./surroundings.js";

/** The values that hold for one host, by lower-case keyword; the first one said wins. */
export type ConfigValues = Readonly<Record<string, string | string[] | undefined>>;

const INCLUDE_DEPTH = 16; // OpenSSH's own bound

/**
 * Reads ssh_config for `host` as ssh does: `file` alone when given (`ssh -F`), else the user's and the system's.
 * `Match exec` never matches: ds4 runs no command to find out where to connect to.
 */
export function readConfig(
  host: string,
  user: string | undefined,
  surroundings: Surroundings,
  file?: string,
): ConfigValues {
  const userFolder = join(surroundings.home, ".ssh");
  const sources =
    file !== undefined
      ? file.toLowerCase() === "none" // no file at all, as with ssh
        ? []
        : [{ path: file, folder: userFolder, required: true }]
      : [
          { path: join(userFolder, "config"), folder: userFolder, required: false },
          {
            path: join(surroundings.systemFolder, "ssh_config"),
            folder: surroundings.systemFolder,
            required: false,
          },
        ];
  const reader = new Reader(host, user, surroundings);
  for (const { path, folder, required } of sources) reader.add(path, folder, required);
  return reader.compute();
}

class Reader {
  readonly #lines: Line[] = [];
  constructor(
    readonly host: string,
    readonly user: string | undefined,
    readonly surroundings: Surroundings,
  ) {}

  add(path: string, folder: string, required: boolean, depth = 0): void {
    if (depth > INCLUDE_DEPTH)
      throw new Ds4Error(`${path} is included too deeply`, {
        hint: "Two ssh_config files include each other.",
      });
    let text: string;
    try {
      text = readFileSync(path, "utf8");
    } catch (cause) {
      if (!required && ["ENOENT", "EACCES", "ENOTDIR"].includes((cause as NodeJS.ErrnoException).code ?? ""))
        return;
      throw new Ds4Error(`can't read the ssh_config ${path}: ${(cause as Error).message}`, {
        hint: "It has to be a file that you may read; `-F none` does without one.",
        cause,
      });
    }
    this.#addLines(parse(text, path), folder, depth);
  }

  compute(extra: readonly Line[] = []): ConfigValues {
    const config = new SSHConfig();
    config.push(...this.#lines, ...extra);
    const target = this.user === undefined ? { Host: this.host } : { Host: this.host, User: this.user };
    return config.compute(target, { ignoreCase: true, matchExec: false });
  }

  // ssh-config leaves Include alone. An included file counts where the Include stands, and one inside a
  // Host or Match section counts only when that section matches: the section is cut in two around it.
  #addLines(lines: readonly Line[], folder: string, depth: number): void {
    for (const said of lines) {
      const line = isMatch(said) ? withNegations(said) : said;
      if (isInclude(line)) {
        for (const file of this.#includedFiles(line, folder)) this.add(file, folder, false, depth + 1);
      } else if (isSection(line)) {
        let part: Line[] = [];
        for (const inner of line.config) {
          if (!isInclude(inner)) {
            part.push(inner);
            continue;
          }
          this.#lines.push(withLines(line, part));
          part = [];
          if (this.#matches(line))
            for (const file of this.#includedFiles(inner, folder)) this.add(file, folder, false, depth + 1);
        }
        this.#lines.push(withLines(line, part));
      } else {
        this.#lines.push(line);
      }
    }
  }

  #matches(section: Section): boolean {
    const probe = SSHConfig.parse("Ds4Probe yes")[0]!;
    return this.compute([withLines(section, [probe])]).ds4probe === "yes";
  }

  #includedFiles(line: Line, folder: string): string[] {
    const value = "value" in line ? line.value : [];
    const patterns = typeof value === "string" ? [value] : value.map(({ val }) => val);
    return patterns.flatMap((pattern) => {
      const path = pattern.replace(/^~(?=\/|$)/, this.surroundings.home);
      return expandPattern(isAbsolute(path) ? path : join(folder, path));
    });
  }
}

function parse(text: string, path: string): readonly Line[] {
  try {
    return SSHConfig.parse(text);
  } catch (cause) {
    throw new Ds4Error(`the ssh_config ${path} can't be understood: ${(cause as Error).message}`, {
      hint: "Every line is a keyword and its value; `ssh -G somehost` names the line that is wrong.",
      cause,
    });
  }
}

function isInclude(line: Line): boolean {
  return line.type === LineType.DIRECTIVE && "param" in line && /^include$/i.test(line.param);
}

function isSection(line: Line): line is Section {
  return "config" in line;
}

function isMatch(line: Line): line is Match {
  return "criteria" in line;
}

/** ssh-config doesn't know `!host foo`: it becomes `host *,!foo`. */
function withNegations(section: Match): Match {
  const criteria = { ...section.criteria };
  const words = typeof section.value === "string" ? [section.value] : section.value.map(({ val }) => val);
  for (let at = 0; at + 1 < words.length; at += /^(all|canonical|final)$/i.test(words[at]!) ? 1 : 2) {
    const [negated, name] = /^!(host|originalhost|user|localuser)$/i.exec(words[at]!) ?? [];
    if (negated === undefined || name === undefined) continue;
    const key = name.toLowerCase();
    const others = words[at + 1]!.split(",").map((pattern) => `!${pattern}`);
    criteria[key] = [criteria[key] ?? "*", ...others].join(",");
    delete criteria[negated];
  }
  return { ...section, criteria };
}

function withLines(section: Section, lines: readonly Line[]): Section {
  const config = new SSHConfig();
  config.push(...lines);
  return { ...section, config };
}

/** The files that a path with * and ? in it names, sorted as the shell does. */
function expandPattern(path: string): string[] {
  if (!/[*?]/.test(path)) return [path];
  let found = [""];
  for (const part of path.split("/").slice(1)) {
    found = found.flatMap((folder) => {
      if (!/[*?]/.test(part)) return [`${folder}/${part}`];
      let entries: string[] = [];
      try {
        entries = readdirSync(`${folder}/`);
      } catch {
        // nothing there: nothing included, as with ssh
      }
      return entries
        .filter((entry) => (part.startsWith(".") || !entry.startsWith(".")) && glob(part, entry))
        .sort()
        .map((entry) => `${folder}/${entry}`);
    });
  }
  return found;
}
