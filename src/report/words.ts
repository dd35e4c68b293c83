import type { HostName } from "../core/step.js";

/** A site's hosts as the subject of a sentence. */
export function inWords(hosts: readonly HostName[]) {
  return hosts.length > 1
    ? {
        all: "both hosts",
        verb: (_one: string, many: string) => many,
        those: "the two hosts",
        themselves: "themselves",
      }
    : { all: "the VPS", verb: (one: string, _many: string) => one, those: "the VPS", themselves: "itself" };
}
