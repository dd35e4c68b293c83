import type { HomeWorld } from "../../hosts/world.js";
import { type Pair, pairsOf } from "../../proof/witness.js";
import { bogons } from "../bogons.js";
import { inboundRules } from "../inbound.js";
import { barrierConflicts } from "../linux/barriers.js";
import { chainsStep, clamp, type Groups, known, own, type Rules } from "../linux/chains.js";
import { matchOf } from "../vps/turn-over.js";
import { homeRole } from "./role.js";

/**
 * What may come out of the tunnel, and go into it. A rule without a target only counts: ds4's own visitors, for the
 * proof. What is for this machine itself is then left to its own firewall (RETURN), as it would be behind a router.
 */
function rules({ site, design }: HomeWorld): Rules {
  const { here, behind } = design.home;
  const tunnel = site.tunnel.name;
  const servers = [...here, ...behind];
  const fromBogons = bogons.map((range) => `-s ${range} -i ${tunnel} -j DROP`);
  const pairs = (some: readonly string[]) =>
    some.flatMap((server) => pairsOf(design).filter((pair) => pair.server === server));
  const visitorTo = ({ visitor, server }: Pair) => `-s ${visitor}/32 -d ${server}/32 -i ${tunnel}`;
  /** What is asked for of these servers. */
  const inbound = (some: readonly string[], target: string) =>
    inboundRules({ site, design })
      .filter(({ server }) => some.includes(server))
      .flatMap(({ server, protocol, ports }) => {
        const matches =
          protocol === undefined
            ? [""]
            : ports === undefined
              ? [` ${matchOf({ protocol })}`]
              : ports.map((range) => ` ${matchOf({ protocol, ports: range })}`);
        return matches.map((match) => `-d ${server}/32 -i ${tunnel}${match} -j ${target}`);
      });
  return {
    ipv6: {
      // The outer packets: from the other end of the tunnel, and from nobody else.
      "filter INPUT": [
        `-s ${design.local}/128 -d ${design.remote}/128 -p 4 -j ACCEPT`,
        `-d ${design.remote}/128 -p 4 -j DROP`,
      ],
      "filter OUTPUT": [`-s ${design.remote}/128 -d ${design.local}/128 -p 4 -j ACCEPT`],
    },
    ipv4: {
      "filter INPUT": [
        ...(here.length === 0
          ? []
          : [
              ...here.map((server) => `-d ${server}/32 -i ${tunnel} ${known} -j RETURN`),
              ...fromBogons,
              ...pairs(here).map(visitorTo),
              ...inbound(here, "RETURN"),
            ]),
        `-i ${tunnel} -j DROP`,
      ],
      "filter FORWARD": [
        ...(behind.length === 0
          ? []
          : [
              ...behind.flatMap((server) => [
                `-d ${server}/32 -i ${tunnel} ${known} -j ACCEPT`,
                `-s ${server}/32 -o ${tunnel} ${known} -j ACCEPT`,
              ]),
              ...fromBogons,
              ...pairs(behind).map(visitorTo),
              ...inbound(behind, "ACCEPT"),
              ...behind.map((server) => `-s ${server}/32 -o ${tunnel} -j ACCEPT`),
            ]),
        `-i ${tunnel} -j DROP`,
        `-o ${tunnel} -j DROP`,
      ],
      // Before routing, where even a packet with its last TTL would still be answered.
      "mangle PREROUTING": [
        ...pairs(servers).map(visitorTo),
        ...pairs(behind).map(({ visitor, server }) => `-s ${server}/32 -d ${visitor}/32 ! -i ${tunnel}`),
        ...servers.map((server) => `-d ${server}/32 -i ${tunnel} -j RETURN`),
        `-i ${tunnel} -j DROP`,
      ],
      "mangle FORWARD": [`-o ${tunnel} ${clamp}`, `-i ${tunnel} ${clamp}`],
      "mangle OUTPUT": pairs(here).map(({ visitor, server }) => `-s ${server}/32 -d ${visitor}/32`),
    },
  };
}

const groups: Groups = {
  ipv6: {
    family: "ipv6",
    places: [
      ["filter", "INPUT"],
      ["filter", "OUTPUT"],
    ],
    own,
  },
  ipv4: {
    family: "ipv4",
    places: [
      ["filter", "INPUT"],
      ["filter", "FORWARD"],
      ["mangle", "PREROUTING"],
      ["mangle", "FORWARD"],
      ["mangle", "OUTPUT"],
    ],
    own,
  },
};

export const chains = chainsStep<HomeWorld>({
  ...homeRole,
  groups,
  rules,
  uplink: ({ home }) => home?.uplink,
  conflicts: (world) => barrierConflicts(homeRole, world),
});
