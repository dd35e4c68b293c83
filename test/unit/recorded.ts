import { readFileSync } from "node:fs";
import { recordings } from "../contract/recording.js";

const all = recordings();

/** What a command of a recording printed on the real router. @throws where there is no such step. */
export function recorded(topic: string, n: number): string {
  const step = all.find((recording) => recording.topic === topic)?.steps.find((entry) => entry.n === n);
  if (step === undefined) throw new Error(`there is no step ${n} in the recording ${topic}`);
  return step.recorded.stdout;
}

/** A file that lies beside the recordings. */
export function recordedFile(name: string): string {
  return readFileSync(new URL(`../contract/recordings/openwrt-24.10/${name}`, import.meta.url), "utf8");
}

/** Every text that uci itself wrote in the recordings, exports and files, with where it is from. */
export function recordedConfigs(): readonly (readonly [where: string, text: string])[] {
  return all.flatMap(({ topic, after, steps }) => [
    ...[...after].flatMap(([path, text]) =>
      path.startsWith("/etc/config/") && !/^#/m.test(text.replaceAll(/^\s+/gm, ""))
        ? [[`${topic} ${path}`, text] as const]
        : [],
    ),
    ...steps.flatMap(({ n, recorded: { stdout } }) => {
      const at = stdout.search(/^package \w+\n/m);
      return at < 0 ? [] : [[`${topic} #${n}`, stdout.slice(at)] as const];
    }),
  ]);
}
