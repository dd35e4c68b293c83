import { type HostName, hostTitles } from "../core/hosts.js";
import type { Entrance } from "../hosts/entrances.js";
import { serversOf } from "../inventory/site.js";

/** A site's hosts as the subject of a sentence. */
export function inWords(hosts: readonly HostName[]) {
  return hosts.length > 1
    ? {
        all: hosts.length > 2 ? "all hosts" : "both hosts",
        pronoun: hosts.length > 2 ? "all" : "both",
        verb: (_one: string, many: string) => many,
        those: hosts.length > 2 ? "the hosts" : "the two hosts",
        themselves: "themselves",
      }
    : {
        all: `the ${hostTitles[hosts[0] ?? "vps"]}`,
        pronoun: "it",
        verb: (one: string, _many: string) => one,
        those: `the ${hostTitles[hosts[0] ?? "vps"]}`,
        themselves: "itself",
      };
}

/** `203.0.113.144 -> 192.168.1.210, 192.168.1.211`, for each public IPv4. */
export function waysHome(entrances: readonly Pick<Entrance, "publicIPv4" | "forwards">[]): string {
  return entrances
    .map((entrance) => `${entrance.publicIPv4} -> ${serversOf(entrance).join(", ")}`)
    .join("; ");
}
