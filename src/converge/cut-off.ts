import { isIP } from "node:net";
import { type HostName, hostEntries, hostTitles } from "../core/hosts.js";
import type { Peer } from "../core/shell.js";
import type { Conflict } from "../core/step.js";
import { isPublic4 } from "../inventory/addresses.js";
import { refuse, type Target } from "./plan-site.js";
import type { AnyReading } from "./read.js";

/**
 * Looks for SSH connections of ds4's own that a change would cut off. What a server sends to the IPv4 internet takes
 * another way, and so has another address, as soon as its rules come or go: no open connection outlives that.
 * @throws ConflictError with what to do about it.
 */
export function checkCutOff(reading: AnyReading, target: Target): void {
  const turned = turnedServers(reading, target);
  refuse(
    hostEntries(reading).flatMap(([host, { facts }]) => [
      ...outgoing(host, facts, turned),
      ...incoming(host, facts, turned),
    ]),
  );
}

type Facts = AnyReading["vps"]["facts"];

/** ds4 runs on a server, or comes by one as a jump host. */
function outgoing(host: HostName, facts: Facts, turned: ReadonlySet<string>): readonly Conflict[] {
  const { way = [], ssh4, links = [], uplink6 } = facts;
  // A jump host looks a name up by itself: which family it took, the VPS knows.
  const isOut = ({ address }: Peer) =>
    isIP(address) === 0
      ? host === "vps" && address === way.at(-1)?.address && ssh4 !== undefined
      : isPublic4(address);
  const hop = way.find((peer, at) => turned.has(peer.from ?? way[at - 1]?.address ?? "") && isOut(peer));
  if (hop === undefined) return [];
  const server = hop.from ?? way[way.indexOf(hop) - 1]?.address;
  const own6 = links
    .find(({ name }) => host === "vps" && hop === way.at(-1) && name === uplink6)
    ?.addresses.find(({ family, global, deprecated }) => family === 6 && global && !deprecated)?.address;
  return [
    {
      host,
      message: `ds4's own SSH connection leaves ${server} for ${hop.address} by IPv4, and this change would cut it off: what ${server} sends takes another way then`,
      hint: `reach ${hop.address} by its IPv6 address${own6 === undefined ? "" : ` (${own6})`}, or run ds4 from another machine`,
    },
  ];
}

/** It came in from outside by IPv4 to a server that is the host itself. */
function incoming(host: HostName, { ssh4 }: Facts, turned: ReadonlySet<string>): readonly Conflict[] {
  if (ssh4?.client === undefined || !turned.has(ssh4.address) || !isPublic4(ssh4.client)) return [];
  return [
    {
      host,
      message: `ds4's own SSH connection comes to ${ssh4.address} from ${ssh4.client} by IPv4, and this change would cut it off: what ${ssh4.address} sends takes another way then`,
      hint: `reach the ${hostTitles[host]} by its IPv6 address, or from its own LAN`,
    },
  ];
}

/** The servers of which all that they send changes its way. */
function turnedServers(reading: AnyReading, target: Target): ReadonlySet<string> {
  const before = sendersIn(hostEntries(reading).map(([, { actual }]) => actual));
  const after = sendersIn(hostEntries(target).map(([, state]) => state));
  return new Set([...before, ...after].filter((server) => !(before.has(server) && after.has(server))));
}

const sendersIn = (states: readonly Target["vps"][]): ReadonlySet<string> =>
  new Set(
    states
      .flatMap((state) => [...(state.get("rule")?.values() ?? [])])
      .flatMap(({ rule }) => [...String(rule).matchAll(/\bfrom (\S+) lookup \d+/g)])
      .map(([, server = ""]) => server),
  );
