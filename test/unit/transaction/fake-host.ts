import { readFileSync } from "node:fs";
import type { RunResult, Shell } from "../../../src/core/shell.js";
import { type HostName, recordedShell } from "../../cases/recorded-shell.js";

/** What a script of ds4's is for, told by what only such a script holds. */
const kinds = {
  arm: "/etc/ds4-undo/new",
  confirm: "switch confirmed",
  undo: "/var/run/ds4/undo.log",
  change: "@ds4 ",
  read: "@@",
} as const;
export type Kind = keyof typeof kinds;

/** How a script of a kind ends on the host; as a function, it sees how often that kind was run before. */
export type Behaviour = Partial<
  Record<
    Kind,
    (times: number) => Partial<RunResult> & {
      readonly lines?: readonly string[];
      /** Whether it ends well and leaves everything as it is. */
      readonly inVain?: boolean;
    }
  >
>;

const recorded = (name: string) => readFileSync(new URL(`../proof/${name}.txt`, import.meta.url), "utf8");

/** What the probes of a proof print: the visitor's and the counters' as they were recorded in the lab. */
export const proofs = {
  visitor: recorded("visitor"),
  witness: recorded("witness"),
  connections: "IPv4 gateway 203.0.113.1 = answers\n",
};

/**
 * A host that was recorded in two states: a change takes it from one to the other, an undo back. Each script is
 * noted in `ran`. What it does differently is its behaviour.
 */
export function fakeHost(
  label: HostName,
  [before, after]: readonly [string, string],
  behaviour: Behaviour = {},
  answers: Partial<typeof proofs> = {},
): Shell & { readonly ran: Kind[]; readonly scripts: string[]; state: string } {
  let confirmed = false;
  const host = {
    label,
    ran: [] as Kind[],
    scripts: [] as string[],
    state: before,
    close: async () => {},
    run: async (script: string, options: Parameters<Shell["run"]>[1] = {}): Promise<RunResult> => {
      const [kind] = (Object.entries(kinds) as [Kind, string][]).find(([, text]) =>
        script.includes(text),
      ) ?? ["read"];
      const times = host.ran.filter((one) => one === kind).length;
      host.ran.push(kind);
      host.scripts.push(script);
      const { lines = [], inVain = false, ...end } = behaviour[kind]?.(times) ?? {};
      for (const line of lines) options.onLine?.(line);
      const result = { stdout: "", stderr: "", code: 0, ...end };
      // What is confirmed has no switch any more: only a change leads back. One that comes too late is back already.
      if (kind === "confirm") confirmed = result.code === 0;
      if (kind === "confirm" && result.code === 3) host.state = before;
      if (result.code === 0 && kind === "change" && !inVain) host.state = confirmed ? before : after;
      if (result.code === 0 && kind === "undo" && !confirmed) host.state = before;
      if (result.code === 0 && kind === "arm" && end.stdout === undefined) result.stdout = proofs.connections;
      if (kind !== "read" || end.code !== undefined) return result;
      const read = await recordedShell(host.state, label).run(script);
      const marker = /@@[0-9a-f]{12} /.exec(script)?.[0] ?? "";
      const more = Object.entries({ ...proofs, ...answers }).map(
        ([name, text]) => `${marker}${name}\n${text}\n${marker}= 0\n`,
      );
      return { ...read, stdout: read.stdout + more.join("") };
    },
  };
  return host;
}
