import { Ds4Error } from "../core/errors.js";
import type { Entrance } from "../hosts/entrances.js";
import { goesHome } from "../inventory/forwards.js";
import { tcp } from "../inventory/protocols.js";
import { relaysOf } from "../inventory/relays.js";
import type { Site } from "../inventory/site.js";
import type { Way } from "./line.js";

/**
 * The ways that are there: the site's own first and, where it is known, the home server's IPv6. Of a relay the
 * inventory says it; with a tunnel, `ipv6` does. @throws Ds4Error where nothing takes what is asked for at `port`.
 */
export function waysOf(
  site: Pick<Site, "name" | "mode">,
  { entrances }: { readonly entrances: readonly Pick<Entrance, "publicIPv4" | "forwards" | "keepPorts">[] },
  port: number,
  ipv6: string | undefined,
): readonly Way[] {
  const direct = (address: string, to: number): Way => ({ name: "ipv6", address, port: to, pings: true });
  const entrance =
    entrances.find(({ forwards, keepPorts }) => goesHome(forwards, tcp, port) && !keepPorts.includes(port)) ??
    entrances[0];
  if (entrance === undefined) throw new Error("a site by whose public IPv4s nothing comes home");
  const own = { name: site.mode, address: entrance.publicIPv4, port };
  if (site.mode === "tunnel") {
    return [{ ...own, pings: true }, ...(ipv6 === undefined ? [] : [direct(ipv6, port)])];
  }
  const tcpRelays = (some: readonly Pick<Entrance, "forwards">[]) =>
    some.flatMap(({ forwards }) => relaysOf(forwards)).filter(({ protocol }) => protocol === "tcp");
  const relay = tcpRelays([entrance]).find((one) => one.port === port);
  if (relay === undefined) {
    throw new Ds4Error(`${site.name} relays no TCP port ${port}`, {
      hint: `type '--url' with one that it does (${
        [...new Set(tcpRelays(entrances).map((one) => one.port))].join(", ") || "there is none"
      })`,
    });
  }
  return [{ ...own, pings: false }, direct(ipv6 ?? relay.server, relay.to)];
}
