import { contains4, networkOf as startOf } from "../../inventory/addresses.js";
import type { Flow } from "../../inventory/forwards.js";
import { type FirewallZone, networkOf, type RouterFacts } from "./facts.js";

/** What the router needs to know to take LAN hosts that use the public IPv4 to the servers itself. */
export type Hairpin = {
  /** The devices by which packets of the servers' zone come in. */
  readonly devices: readonly string[];
  /** The network that each server is in, as `192.168.1.0/24`. */
  readonly networks: ReadonlyMap<string, string>;
};

/** Undefined where the servers' zone forwards nothing among its own hosts: the packets would end in it. */
export function findHairpin(
  router: RouterFacts,
  servers: readonly string[],
  zoneName: string,
): Hairpin | undefined {
  const zone = router.zones.find(({ name }) => name === zoneName);
  if (zone === undefined || !forwardsInside(router, zone)) return undefined;
  const devices = router.interfaces
    .filter(({ name, device = "" }) => zone.networks.includes(name) || zone.devices.includes(device))
    // Also of one that is down, so that nothing changes when it comes up: a VPN's device mostly has its name. They get
    // into rules as they are.
    .flatMap(({ name, device = name }) => (/^[A-Za-z0-9_.-]{1,15}$/.test(device) ? [device] : []));
  const networks = servers.flatMap((server) =>
    (networkOf(router, server)?.ipv4 ?? [])
      .map(({ address, mask }) => `${startOf({ address, length: mask })}/${mask}`)
      .filter((network) => contains4(network, server))
      .map((network) => [server, network] as const),
  );
  return { devices: [...new Set(devices)].sort(), networks: new Map(networks) };
}

/** Whether fw4 accepts what goes from one host of a zone to another one by the router. */
function forwardsInside({ firewall }: RouterFacts, { name }: FirewallZone): boolean {
  const section = firewall.find(({ type, options }) => type === "zone" && options.name === name);
  const defaults = firewall.find(({ type }) => type === "defaults");
  return /^accept$/i.test(String(section?.options.forward ?? defaults?.options.forward));
}

/** Each port that moves is an entry of a map on the router. */
const mostPorts = 1024;

/** Whether so many ports move that LAN hosts reach them by way of the VPS all the same. */
export function isLongMove({ ports, to }: Flow): boolean {
  return ports !== undefined && to !== undefined && ports[1] - ports[0] >= mostPorts;
}
