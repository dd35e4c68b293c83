import { goesHome } from "../../inventory/forwards.js";
import { protocolNumber } from "../../inventory/protocols.js";
import type { Entrance } from "../entrances.js";
import type { Neighbours, Service } from "../linux/neighbours.js";

/** A DHCP client gets its answers all the same: they belong to a connection of its own. */
const isDhcpClient = ({ protocol, port }: Service) => protocol === "udp" && port === 68;

/** What on the VPS answers by a public IPv4. */
export const servicesAt = (
  { services }: Pick<Neighbours, "services">,
  { uplinkIPv4 }: Pick<Entrance, "uplinkIPv4">,
) => services.filter((service) => ["any", uplinkIPv4].includes(service.address) && !isDhcpClient(service));

/** What the user should know before others' things and ds4's meet on the VPS. */
export function neighbourNotes(
  neighbours: Neighbours,
  entrances: readonly Pick<Entrance, "publicIPv4" | "uplinkIPv4" | "keepPorts" | "forwards">[],
): readonly string[] {
  const { firewalld, flushes } = neighbours;
  const taken = entrances.flatMap((entrance) => {
    const { publicIPv4, keepPorts, forwards } = entrance;
    const names = servicesAt(neighbours, entrance)
      .filter(
        ({ protocol, port }) =>
          goesHome(forwards, protocolNumber(protocol) ?? 0, port) &&
          !(protocol === "tcp" && keepPorts.includes(port)),
      )
      .map(
        ({ protocol, port, program }) =>
          `${protocol.toUpperCase()} ${port}${program === "" ? "" : ` (${program})`}`,
      );
    return names.length === 0
      ? []
      : [
          `from outside, ${publicIPv4} leads home and no longer to these services of the VPS: ${names.join(", ")}; by IPv6 and on the VPS itself they stay as they are`,
        ];
  });
  return [
    ...taken,
    ...(firewalld.reload
      ? [
          "firewalld on the VPS is reloaded, which drops what was set there without --permanent; 'firewall-cmd --runtime-to-permanent' keeps it",
        ]
      : []),
    ...(firewalld.installed
      ? [
          "'firewall-cmd --reload', typed on the VPS, takes ds4's rules away, too; 'systemctl reload firewalld' does the same and brings them back",
        ]
      : []),
    ...(flushes
      ? [
          "'nft -f /etc/nftables.conf', typed on the VPS, takes ds4's rules away, too; 'systemctl reload nftables' brings them back",
        ]
      : []),
  ];
}
