import type { Armed } from "../core/dead-man-switch.js";
import { ConflictError, Ds4Error } from "../core/errors.js";
import { type HostName, hostEntries, hostTitles } from "../core/hosts.js";
import { hostsOf, type Site } from "../inventory/site.js";
import type { AnyReading } from "./read.js";

/** A change that nobody has confirmed would be taken back in the middle of ours. */
export function checkUnconfirmed(site: Site, reading: AnyReading): void {
  for (const [host, { facts }] of hostEntries(reading)) {
    const armed = facts.armed;
    if (armed !== undefined) {
      throw new ConflictError(
        `'ds4 ${armed.command}' by ${armed.by} (begun ${armed.since}) is not confirmed on the ${hostTitles[host]}, which goes back by itself ${armed.secondsLeft > 0 ? `in ${armed.secondsLeft} s` : "at its next boot"}`,
        {
          hint: `wait for it, or 'ds4 rollback ${site.name}' takes it back now; 'ds4 confirm ${site.name}' proves it and keeps it`,
        },
      );
    }
  }
}

/**
 * The switch that is armed on all hosts by one run, or undefined where there is none.
 * @throws Ds4Error where a change waits on some of its hosts alone, or on one that the inventory doesn't name.
 */
export function armedOnAll(site: Site, reading: AnyReading): Armed | undefined {
  const waiting = hostEntries(reading).filter(([, { facts }]) => facts.armed !== undefined);
  const armed = waiting[0]?.[1].facts.armed;
  const elsewhere = armedElsewhere(site, reading);
  if (elsewhere.length > 0) {
    throw new Ds4Error(
      `the change is also one of the ${elsewhere.map((host) => hostTitles[host]).join(" and the ")}, which isn't in ${site.file}`,
      {
        hint: `put ${elsewhere.map((host) => `'${host}: …'`).join(" and ")} back; or 'ds4 rollback ${site.name}' takes the change back`,
      },
    );
  }
  const same = waiting.length === hostEntries(reading).length;
  if (armed === undefined || (same && waiting.every(([, { facts }]) => facts.armed?.run === armed.run))) {
    return armed;
  }
  throw new Ds4Error(
    same
      ? "each host waits for another change to be confirmed"
      : `a change waits to be confirmed on the ${waiting.map(([host]) => hostTitles[host]).join(" and the ")} alone`,
    { hint: `'ds4 rollback ${site.name}' takes it back` },
  );
}

/** Hosts of a change that waits, which the inventory doesn't name any more: their switches are out of reach. */
export function armedElsewhere(site: Site, reading: AnyReading): readonly HostName[] {
  const named = hostsOf(site);
  const all = hostEntries(reading).flatMap(([, { facts }]) => facts.armed?.hosts ?? []);
  return [...new Set(all)].filter((host) => !named.includes(host));
}

/** Hosts of a change that waits on others alone: their half of it was confirmed, undone, or never begun. */
export function notWaiting(reading: AnyReading): readonly HostName[] {
  const all = hostEntries(reading).flatMap(([, { facts }]) => facts.armed?.hosts ?? []);
  return hostEntries(reading).flatMap(([host, { facts }]) =>
    facts.armed === undefined && all.includes(host) ? [host] : [],
  );
}
