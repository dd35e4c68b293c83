import { HostError } from "../../core/errors.js";
import type { Peer } from "../../core/shell.js";
import { contains4 } from "../../inventory/addresses.js";
import { type PersistBy, type Site, serversOf } from "../../inventory/site.js";
import { type Design, makeDesign, numberServers } from "../design.js";
import { earlierRules, rulePriorities } from "../earlier-rules.js";
import { findEnd, findPersist } from "../linux/end.js";
import type { VpsFacts } from "../vps/facts.js";
import { type HomeFacts, homeHost } from "./facts.js";

/** The same where a Linux machine ends the tunnel. */
export type HomeDesign = Design & {
  readonly home: {
    /** The device that carries the tunnel. */
    readonly device: string;
    /** Whether ds4 adds the tunnel's address there. */
    readonly ownRemote: boolean;
    readonly persist: PersistBy;
    /** The servers whose address is the machine's own, and those behind it. */
    readonly here: readonly string[];
    readonly behind: readonly string[];
  };
};

/**
 * Works out a design. `others` are the ways by which the laptop came to the hosts at home that aren't its end.
 * @throws HostError where a host lacks what it takes, with what to do about it.
 */
export function makeHomeDesign(
  site: Site,
  vps: VpsFacts,
  facts: HomeFacts,
  others: readonly Peer[] = [],
): HomeDesign {
  const entry = site.home;
  if (entry === undefined) throw new Error("a site without a Linux machine at home");
  const { design, side } = makeDesign(site, vps, homeHost.name, (publicIPv4, notes) => {
    const end = findEnd(
      facts,
      homeHost,
      { device: entry.uplink ?? facts.uplink6, endpoint: entry.endpoint },
      publicIPv4,
      notes,
      "see that the home's router announces its prefix in the LAN",
    );
    const places = serversOf(site).map((server) => ({ server, device: checkServer(site, facts, server) }));
    return {
      end,
      remote: end.address,
      here: places.flatMap(({ server, device }) => (device === "lo" ? [server] : [])),
      behind: places.flatMap(({ server, device }) => (device === "lo" ? [] : [server])),
      mtu: facts.links.find(({ name }) => name === end.device)?.mtu ?? 1500,
      ways: [...(facts.way ?? []), ...others],
      slots: numberServers(site, slotsOf(facts)),
      earlierRules: places.flatMap(({ server, device }) => earlierRules(facts.rules, server, device)),
    };
  });
  const { end, here, behind } = side;
  return {
    ...design,
    notes: [
      ...design.notes,
      `the home's own router has to let IPv6 protocol 4 through, from ${design.local} to ${end.address} and back`,
      // Its connection tracking takes them for the former tunnel's packets (generic timeout: 600 s since the last one).
      ...(vps.owned?.tunnel?.atHome === "router" && vps.owned.tunnel.remote === end.address
        ? [
            "see to that first: to the router they are the former tunnel's packets, which it lets through, whatever its rules say, until 10 minutes have passed without one: so a proof can't show it",
          ]
        : []),
      ...(behind.length === 0
        ? []
        : [
            `${behind.join(", ")} has to have the home machine as its gateway for IPv4, which ds4 can't see from there`,
          ]),
    ],
    home: {
      device: end.device,
      ownRemote: end.own,
      persist: findPersist(facts, homeHost, entry.persist),
      here,
      behind,
    },
  };
}

/** The device from which a server's packets come: its network's, or `lo` where the machine itself is the server. */
export function deviceOf(facts: HomeFacts, server: string): string | undefined {
  const own = networksOf(facts);
  if (own.some(({ address }) => address === server)) return "lo";
  return own.find(({ address, prefixLength }) => contains4(`${address}/${prefixLength}`, server))?.name;
}

/** The machine's IPv4 addresses, each with its device. */
function networksOf({ links, owned }: HomeFacts) {
  return links
    .filter(({ name }) => name !== "lo" && name !== owned?.tunnel?.name)
    .flatMap(({ name, addresses }) =>
      addresses.filter(({ family }) => family === 4).map((address) => ({ name, ...address })),
    );
}

function checkServer(site: Site, facts: HomeFacts, server: string): string {
  const device = deviceOf(facts, server);
  if (device !== undefined) return device;
  const networks = networksOf(facts).map(
    ({ name, address, prefixLength }) => `${name} ${address}/${prefixLength}`,
  );
  throw new HostError(
    `the server ${server} is neither the home machine itself nor in one of its networks (${networks.join(", ")})`,
    { hint: `check 'server: …' in ${site.file}` },
  );
}

/** The numbers that servers have, by their rules. */
function slotsOf({ rules, marked }: HomeFacts): ReadonlyMap<string, number> {
  const first = rulePriorities(0).main;
  return new Map(
    [...rules.matchAll(/^(\d+):\s+from (\S+) lookup main suppress_prefixlength 0/gm)].flatMap(
      ([, priority, server = ""]): [string, number][] => {
        const slot = (Number(priority) - first) / 2;
        return marked && Number.isInteger(slot) ? [[server, slot]] : [];
      },
    ),
  );
}
