import type { State } from "../../core/state.js";
import { fileState } from "../files.js";
import { runParts } from "./boot.js";

/** The line that makes these chains of ds4's anew, and nothing else. */
export const restoreChains = (ids: readonly string[]) => runParts("chains", ids);

const after =
  (...moments: readonly string[]) =>
  (restore: string) =>
    // Never in the way of the service itself, hence the `-`.
    moments.map((moment) => `${moment}=-${restore}`);

/**
 * Services that take away everybody's rules when they load or drop their own: Debian's /etc/nftables.conf begins with
 * `flush ruleset`, netfilter-persistent restores tables as they were saved, and firewalld flushes iptables whatever its
 * backend is. Each gets a drop-in that brings ds4's back, whether the service is in use or not: it may be some day.
 */
const flushers = {
  nftables: after("ExecStartPost", "ExecReload", "ExecStopPost"),
  // It has no reload of its own.
  "netfilter-persistent": after("ExecStartPost", "ExecStopPost"),
  firewalld: (restore: string) => [
    // It has its name on the bus before it has its rules, and answers only then.
    "ExecStartPost=-/usr/bin/firewall-cmd --state",
    // Its own way to reload, a signal, doesn't say when it is done.
    "ExecReload=",
    "ExecReload=/usr/bin/firewall-cmd --reload",
    ...after("ExecStartPost", "ExecReload", "ExecStopPost")(restore),
  ],
} as const;

const path = (service: string) => `/etc/systemd/system/${service}.service.d/ds4.conf`;

const dropIn = (lines: readonly string[]) => `# Written by ds4: this service takes away everybody's rules.
[Service]
${lines.map((line) => `${line}\n`).join("")}`;

/** The drop-ins that bring these chains back, by path. */
export function flusherFiles(ids: readonly string[]): readonly (readonly [string, State])[] {
  const restore = restoreChains(ids);
  return Object.entries(flushers).map(([service, lines]) => [
    path(service),
    fileState(dropIn(lines(restore)), "644"),
  ]);
}

/** Where they are, for a probe. */
export const flusherPatterns: readonly string[] = Object.keys(flushers).map(path);
