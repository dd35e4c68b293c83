import { type Pair, pairsOf } from "../../hosts/entrances.js";
import type { HomeWorld } from "../../hosts/world.js";
import { type Flow, showPorts } from "../../inventory/forwards.js";
import { protocolWord } from "../../inventory/protocols.js";
import { bogons } from "../bogons.js";
import { inboundRules } from "../inbound.js";
import { chainsStep, clamp, type Groups, known, own, type Rules } from "../linux/chains.js";
import { dropConflicts } from "../linux/drop-policies.js";
import { matchOf } from "../linux/flow-match.js";
import { replyMarkText } from "../policy-rules.js";
import { homeRole } from "./role.js";

/** What is asked for of a server; without a flow, all. */
type Asked = { readonly server: string; readonly flow?: Flow };

/**
 * What may come out of the tunnel, and go into it. A rule without a target only counts: ds4's own visitors, for the
 * proof. What is for this machine itself is then left to its own firewall (RETURN), as it would be behind a router.
 */
function rules({ site, design }: HomeWorld): Rules {
  const { here, behind } = design.home;
  const tunnel = site.tunnel.name;
  const servers = [...here, ...behind];
  const setMark = `--set-xmark ${replyMarkText}`;
  const inbound = (some: readonly string[]): readonly Asked[] =>
    inboundRules({ site, design })
      .filter(({ server }) => some.includes(server))
      .flatMap(({ server, protocol, ports }) => {
        if (protocol === undefined) return [{ server }];
        if (ports === undefined) return [{ server, flow: { protocol } }];
        return ports.map((range) => ({ server, flow: { protocol, ports: range } }));
      });
  const fromBogons = bogons.map((range) => `-s ${range} -i ${tunnel} -j DROP`);
  const pairs = (some: readonly string[]) =>
    some.flatMap((server) => pairsOf(design).filter((pair) => pair.server === server));
  const visitorTo = ({ visitor, server }: Pair) => `-s ${visitor}/32 -d ${server}/32 -i ${tunnel}`;
  const accepted = ({ server, flow }: Asked) =>
    `-d ${server}/32 -i ${tunnel}${flow === undefined ? "" : ` ${matchOf(flow)}`}`;
  /** What this machine has turned over to one of its containers by now. */
  const turnedOver = ({ server, flow }: Asked) => {
    const protocol = flow === undefined ? "" : ` -p ${protocolWord(flow.protocol)}`;
    const port =
      flow?.ports === undefined ? "" : ` --ctorigdstport ${showPorts(flow.ports).replace("-", ":")}`;
    return `-i ${tunnel}${protocol} -m conntrack --ctstate DNAT --ctorigdst ${server}${port}`;
  };
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
              ...inbound(here).map((some) => `${accepted(some)} -j RETURN`),
            ]),
        `-i ${tunnel} -j DROP`,
      ],
      "filter FORWARD": [
        ...behind.flatMap((server) => [
          `-d ${server}/32 -i ${tunnel} ${known} -j ACCEPT`,
          `-s ${server}/32 -o ${tunnel} ${known} -j ACCEPT`,
        ]),
        ...(here.length === 0 ? [] : [`-i ${tunnel} ${known} -j RETURN`, `-o ${tunnel} ${known} -j RETURN`]),
        ...fromBogons,
        ...pairs(behind).map(visitorTo),
        ...inbound(behind).map((some) => `${accepted(some)} -j ACCEPT`),
        ...inbound(here).map((some) => `${turnedOver(some)} -j RETURN`),
        ...behind.map((server) => `-s ${server}/32 -o ${tunnel} -j ACCEPT`),
        `-i ${tunnel} -j DROP`,
        `-o ${tunnel} -j DROP`,
      ],
      // Before routing, where even a packet with its last TTL would still be answered.
      "mangle PREROUTING": [
        ...pairs(servers).map(visitorTo),
        ...pairs(behind).map(({ visitor, server }) => `-s ${server}/32 -d ${visitor}/32 ! -i ${tunnel}`),
        // What a container has been given, and its answers, is routed by other addresses than the server's.
        ...here.flatMap((server) =>
          ["CONNMARK", "MARK"].map((target) => `-d ${server}/32 -i ${tunnel} -j ${target} ${setMark}`),
        ),
        ...servers.map((server) => `-d ${server}/32 -i ${tunnel} -j RETURN`),
        `-i ${tunnel} -j DROP`,
        ...(here.length === 0
          ? []
          : [`-m connmark --mark ${replyMarkText} -m conntrack --ctdir REPLY -j MARK ${setMark}`]),
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
  conflicts: (world) => dropConflicts(homeRole, world),
});
