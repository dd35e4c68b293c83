import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("recordings/openwrt-24.10", import.meta.url));

/** What a command printed and returned. */
export type Outcome = { readonly stdout: string; readonly stderr: string; readonly code: number };

/** A command to run as one exec channel of root, or (`event`) something done from outside. */
export type Step = {
  readonly n: number;
  readonly event?: string;
  readonly cmd: string;
  readonly stdin?: string;
  readonly wait?: string;
  readonly recorded: Outcome;
};

/** Steps recorded one after the other on a real router; see recordings/openwrt-24.10/README.md. */
export type Recording = {
  readonly topic: string;
  readonly initial: ReadonlyMap<string, string>;
  readonly after: ReadonlyMap<string, string>;
  readonly volatile: readonly string[];
  readonly steps: readonly Step[];
};

type StepFile = Partial<Outcome> & {
  n: number;
  event?: string;
  cmd?: string;
  stdin?: string;
  wait?: string;
  stdout_file?: string;
};

function stepOf(file: StepFile): Step {
  const stdout = file.stdout_file
    ? readFileSync(`${folder}/${file.stdout_file}`, "utf8")
    : (file.stdout ?? "");
  const { n, event, cmd = "", stdin, wait } = file;
  return {
    n,
    cmd,
    ...(event !== undefined && { event }),
    ...(stdin !== undefined && { stdin }),
    ...(wait !== undefined && { wait }),
    recorded: { stdout, stderr: file.stderr ?? "", code: file.code ?? 0 },
  };
}

/** All recordings, by topic. */
export function recordings(): readonly Recording[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith(".json"))
    .map((name) => {
      const file = JSON.parse(readFileSync(`${folder}/${name}`, "utf8"));
      return {
        topic: file.topic,
        initial: new Map(Object.entries<string>(file.initial)),
        after: new Map(Object.entries<string>(file.after)),
        volatile: file.volatile,
        steps: file.steps.map(stepOf),
      };
    });
}
