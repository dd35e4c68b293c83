import type { State } from "../../core/state.js";
import { fileState } from "../files.js";
import { runParts } from "./boot.js";

/**
 * Services that take away everybody's rules when they load or drop their own: Debian's /etc/nftables.conf begins with
 * `flush ruleset`, and netfilter-persistent restores tables as they were saved. Each gets a drop-in that brings ds4's
 * back, whether the service is in use or not: it may be some day.
 */
const flushers = {
  nftables: ["ExecStartPost", "ExecReload", "ExecStopPost"],
  // It has no reload of its own.
  "netfilter-persistent": ["ExecStartPost", "ExecStopPost"],
} as const;

const path = (service: string) => `/etc/systemd/system/${service}.service.d/ds4.conf`;

/** Never in the way of the service itself, hence the `-`. */
const dropIn = (moments: readonly string[]) => `# Written by ds4: this service takes away everybody's rules.
[Service]
${moments.map((moment) => `${moment}=-${runParts("chains", ["ipv6", "ipv4"])}\n`).join("")}`;

/** The drop-ins, by path. */
export function flusherFiles(): readonly (readonly [string, State])[] {
  return Object.entries(flushers).map(([service, moments]) => [
    path(service),
    fileState(dropIn(moments), "644"),
  ]);
}

/** Where they are, for a probe. */
export const flusherPatterns: readonly string[] = Object.keys(flushers).map(path);
