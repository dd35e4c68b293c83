import { entranceOf } from "../../hosts/entrances.js";
import type { World } from "../../hosts/world.js";
import { sendersOf, serversOf } from "../../inventory/site.js";
import { bogons } from "../bogons.js";
import { chainsStep, clamp, type Groups, known, own, type Rules } from "../linux/chains.js";
import { dropConflicts } from "../linux/drop-policies.js";
import { dnatRules } from "./dnat.js";
import { portConflicts } from "./port-conflicts.js";
import { vpsRole } from "./role.js";

function rules({ site, design }: World): Rules {
  const servers = serversOf(site).map((server) => `${server}/32`);
  const senders = sendersOf(site).map((server) => `${server}/32`);
  const [tunnel, uplink] = [site.tunnel.name, design.uplink];
  return {
    ipv6: {
      // The outer packets: from the other end of the tunnel, and from nobody else.
      "filter INPUT": [
        `-s ${design.remote}/128 -d ${design.local}/128 -p 4 -j ACCEPT`,
        `-d ${design.local}/128 -p 4 -j DROP`,
      ],
    },
    ipv4: {
      "filter INPUT": [`-i ${tunnel} -m conntrack ! --ctstate RELATED,ESTABLISHED -j DROP`],
      "filter FORWARD": [
        // First what most packets are. ICMP errors are among it: a router on the way may have a private address.
        ...servers.flatMap((server) => [
          `-s ${server} -i ${tunnel} -o ${uplink} ${known} -j ACCEPT`,
          `-d ${server} -i ${uplink} -o ${tunnel} ${known} -j ACCEPT`,
        ]),
        // No visitor has such an address, and what the server sends there would end in the provider's own network.
        ...bogons.map((range) => `-s ${range} -o ${tunnel} -j DROP`),
        ...bogons.map((range) => `-d ${range} -i ${tunnel} -j DROP`),
        ...senders.map((server) => `-s ${server} -i ${tunnel} -o ${uplink} -j ACCEPT`),
        ...servers.map(
          (server) => `-d ${server} -i ${uplink} -o ${tunnel} -m conntrack --ctstate DNAT -j ACCEPT`,
        ),
        `-i ${tunnel} -j DROP`,
        `-o ${tunnel} -j DROP`,
      ],
      // Before routing, where even a packet with its last TTL would still be answered.
      "mangle PREROUTING":
        servers.length === 1
          ? [`! -s ${servers[0]} -i ${tunnel} -j DROP`]
          : [...servers.map((server) => `-s ${server} -i ${tunnel} -j RETURN`), `-i ${tunnel} -j DROP`],
      "mangle FORWARD": [`-o ${tunnel} ${clamp}`, `-i ${tunnel} ${clamp}`],
      "nat PREROUTING": design.entrances.flatMap(({ uplinkIPv4, keepPorts, forwards }) => {
        const match = `-d ${uplinkIPv4}/32 -i ${uplink}`;
        return [
          ...keepPorts.map((port) => `${match} -p tcp -m tcp --dport ${port} -j RETURN`),
          ...dnatRules(forwards, match),
        ];
      }),
      "nat POSTROUTING": sendersOf(site).map(
        (server) =>
          `-s ${server}/32 -o ${uplink} -j SNAT --to-source ${entranceOf(site, design, server).uplinkIPv4}`,
      ),
    },
  };
}

/** Those of a relay aren't those of a tunnel: one goes before the other comes. */
export const groups: Groups = {
  ipv6: { family: "ipv6", places: [["filter", "INPUT"]], own },
  ipv4: {
    family: "ipv4",
    places: [
      ["filter", "INPUT"],
      ["filter", "FORWARD"],
      ["mangle", "PREROUTING"],
      ["mangle", "FORWARD"],
      ["nat", "PREROUTING"],
      ["nat", "POSTROUTING"],
    ],
    own,
  },
  relay: { family: "ipv4", places: [["filter", "INPUT"]], own: () => "DS4-RELAY" },
};

export const chains = chainsStep<World>({
  ...vpsRole,
  groups,
  rules,
  uplink: ({ vps }) => vps.uplink,
  conflicts: (world) => [...dropConflicts(vpsRole, world), ...portConflicts(world)],
});
