import { hostTitles } from "../../core/hosts.js";
import { type Probe, required, type Section } from "../../core/script.js";
import { type LinuxFacts, type LinuxHost, linuxProbes, parseLinuxFacts } from "../linux/facts.js";

export const homeHost: LinuxHost = {
  host: "home",
  name: hostTitles.home,
  machine: "the Linux machine at home",
};

/** What a Linux machine at home is and has, as far as ds4 decides by it. */
export type HomeFacts = LinuxFacts & {
  /** The text of `ip rule`, and of the routing table that the site asks for. */
  readonly rules: string;
  readonly table: string;
};

/** What is read beside the steps' own items; `table` is the number of the site's routing table. */
export const homeProbes = (table: number): readonly Probe[] => [
  ...linuxProbes,
  // A table that nobody has used yet is an error for iproute2.
  { name: "table", script: `ip route show table ${table} 2>/dev/null || :` },
];

/** Makes sense of what `homeProbes` and the step `rule` printed. @throws HostError where a part can't be read. */
export function parseHomeFacts(sections: ReadonlyMap<string, Section>): HomeFacts {
  return {
    ...parseLinuxFacts(sections, homeHost),
    rules: required(sections.get("rule"), "the home machine's routing rules"),
    table: required(sections.get("table"), "the home machine's routes"),
  };
}
