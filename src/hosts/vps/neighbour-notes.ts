import { goesHome } from "../../inventory/forwards.js";
import { protocolNumber } from "../../inventory/protocols.js";
import type { Entrance } from "../entrances.js";
import type { Neighbours, Service } from "../linux/neighbours.js";

/** A DHCP client gets its answers all the same: they belong to a connection of its own. */
export const isDhcpClient = ({ protocol, port }: Service) => protocol === "udp" && port === 68;

/** What the user should know before others' things and ds4's meet on the VPS. */
export function neighbourNotes(
  { services, firewalld, flushes }: Neighbours,
  entrances: readonly Pick<Entrance, "publicIPv4" | "uplinkIPv4" | "keepPorts" | "forwards">[],
): readonly string[] {
  const taken = entrances.flatMap(({ publicIPv4, uplinkIPv4, keepPorts, forwards }) => {
    const names = services
      .filter(
        (service) =>
          ["any", uplinkIPv4].includes(service.address) &&
          goesHome(forwards, protocolNumber(service.protocol) ?? 0, service.port) &&
          !(service.protocol === "tcp" && keepPorts.includes(service.port)) &&
          !isDhcpClient(service),
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
