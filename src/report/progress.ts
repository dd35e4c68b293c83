import { chalkStderr as chalk } from "chalk";
import { type HostName, inWords } from "../core/hosts.js";

type Place = HostName | "all";

export type Phase =
  | "connect"
  | "read"
  | "measure"
  | "arm"
  | "change"
  | "prove"
  | "confirm"
  | "undo"
  | "relay"
  | "bench";

/** What is going on, told while it happens: on standard error, so that standard output stays the result's. */
export interface Progress {
  /** Shows that a phase runs on `where` until `work` is done. */
  task<T>(where: Place, phase: Phase, work: () => Promise<T>): Promise<T>;
  /** Work on this item begins. */
  item(host: HostName, step: string, id: string): void;
  /** From now on, until the phase `confirm` is done, all hosts go back by themselves at this time (of `Date.now`). */
  countdown(deadline: number): void;
  /** Something worth knowing that is no step, such as a host key that is remembered from now on. */
  note(text: string): void;
  /** Keeps the display out of the way of a question. */
  pause<T>(work: () => Promise<T>): Promise<T>;
}

const words: Readonly<Record<Phase, readonly [running: string, done: string]>> = {
  connect: ["connecting", "connected"],
  read: ["reading", "read"],
  measure: ["measuring the path home", "path home measured"],
  arm: ["arming the dead-man switches", "dead-man switches armed"],
  change: ["changing", "changed"],
  prove: ["proving it over new connections", "proved over new connections"],
  confirm: ["confirming", "confirmed"],
  undo: ["going back", "went back"],
  relay: ["setting up a relay to compare with", "relay to compare with set up"],
  bench: ["measuring", "measured"],
};

/** `vps, router`, or the one of them. */
const titleFor = (hosts: readonly HostName[]) => (where: Place) =>
  where === "all" ? hosts.join(", ") : where;
const goBack = (hosts: readonly HostName[], seconds: number) => {
  const { pronoun, verb, themselves } = inWords(hosts);
  return `${pronoun} ${verb("goes", "go")} back by ${themselves} in ${seconds} s`;
};

/** Nothing at all, for --json. */
export const silent: Progress = {
  task: (_, __, work) => work(),
  item: () => {},
  countdown: () => {},
  note: () => {},
  pause: (work) => work(),
};

/** One plain line for each thing, for logs and pipes. */
export function plainProgress(stream: NodeJS.WritableStream, hosts: readonly HostName[]): Progress {
  const title = titleFor(hosts);
  return {
    task: async (where, phase, work) => {
      stream.write(`${title(where)}: ${words[phase][0]}\n`);
      return work();
    },
    item: (host, step, id) => stream.write(`${host}: ${step} ${id}\n`),
    countdown: (deadline) =>
      stream.write(`${title("all")}: without a confirmation, ${goBack(hosts, secondsTo(deadline))}\n`),
    note: (text) => stream.write(`${text}\n`),
    pause: (work) => work(),
  };
}

type Running = { readonly where: Place; readonly phase: Phase; readonly items: Map<HostName, string> };

const secondsTo = (deadline: number) => Math.max(0, Math.ceil((deadline - Date.now()) / 1000));

/** Lines that are drawn over while things go on, and stay as ✔ or ✖ when they end. */
export async function liveProgress(
  stream: NodeJS.WriteStream,
  hosts: readonly HostName[],
): Promise<Progress> {
  const { createLogUpdate } = await import("log-update");
  const log = createLogUpdate(stream);
  const title = titleFor(hosts);
  const running: Running[] = [];
  const frames = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
  let [tick, paused] = [0, false];
  /** What has to wait for an answer. */
  const held: string[] = [];
  let deadline: number | undefined;
  let timer: NodeJS.Timeout | undefined;
  const line = (mark: string, where: Place, text: string) =>
    `${mark} ${chalk.bold(title(where).padEnd(11))} ${text}`;
  const left = () => (deadline === undefined ? "" : chalk.dim(` (${goBack(hosts, secondsTo(deadline))})`));
  const keep = (text: string) => {
    if (paused) held.push(text);
    else log.persist(text);
  };
  const draw = () => {
    if (paused) return;
    const mark = chalk.cyan(frames[tick++ % frames.length]);
    log(
      running
        .flatMap(({ where, phase, items }) => [
          line(mark, where, words[phase][0]) + left(),
          ...[...items].map(([host, item]) => chalk.dim(`  ${host.padEnd(11)} ${item}`)),
        ])
        .join("\n"),
    );
  };
  const settle = (entry: Running, ok: boolean) => {
    running.splice(running.indexOf(entry), 1);
    if (entry.phase === "confirm" || entry.phase === "undo") deadline = undefined;
    keep(line(ok ? chalk.green("✔") : chalk.red("✖"), entry.where, words[entry.phase][ok ? 1 : 0]));
    if (running.length > 0) draw();
    else {
      clearInterval(timer);
      timer = undefined;
    }
  };
  return {
    task: async (where, phase, work) => {
      const entry: Running = { where, phase, items: new Map() };
      running.push(entry);
      timer ??= setInterval(draw, 80);
      timer.unref();
      draw();
      let ok = false;
      try {
        const result = await work();
        ok = true;
        return result;
      } finally {
        settle(entry, ok);
      }
    },
    item: (host, step, id) => {
      running.at(-1)?.items.set(host, `${step} ${id}`);
    },
    countdown: (at) => {
      deadline = at;
    },
    note: keep,
    pause: async (work) => {
      paused = true;
      log.clear();
      log.done(); // shows the cursor
      try {
        return await work();
      } finally {
        paused = false;
        for (const text of held.splice(0)) log.persist(text);
      }
    },
  };
}
