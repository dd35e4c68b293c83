import { Ds4Error } from "../core/errors.js";
import type { Entrance } from "../hosts/entrances.js";
import { goesHome, portAtServer, showFlow } from "../inventory/forwards.js";
import { icmp, tcp } from "../inventory/protocols.js";
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
  if (entrances.length === 0) throw new Error("a site by whose public IPv4s nothing comes home");
  const entrance = entrances.find(
    ({ forwards, keepPorts }) => goesHome(forwards, tcp, port) && !keepPorts.includes(port),
  );
  if (site.mode === "tunnel") {
    if (entrance === undefined) {
      throw new Ds4Error(`TCP port ${port} of ${site.name} stays with the VPS`, {
        hint: `type '--url' with one that goes home (${tcpOf(entrances) || "there is none"})`,
      });
    }
    const { publicIPv4, forwards } = entrance;
    return [
      // Where ICMP stays with the VPS, it would answer a ping.
      { name: "tunnel", address: publicIPv4, port, pings: goesHome(forwards, icmp, 0) },
      ...(ipv6 === undefined ? [] : [direct(ipv6, portAtServer(forwards, tcp, port))]),
    ];
  }
  const tcpRelays = (some: readonly Pick<Entrance, "forwards">[]) =>
    some.flatMap(({ forwards }) => relaysOf(forwards)).filter(({ protocol }) => protocol === "tcp");
  const relay = tcpRelays(entrance === undefined ? [] : [entrance]).find((one) => one.port === port);
  if (entrance === undefined || relay === undefined) {
    throw new Ds4Error(`${site.name} relays no TCP port ${port}`, {
      hint: `type '--url' with one that it does (${
        [...new Set(tcpRelays(entrances).map((one) => one.port))].join(", ") || "there is none"
      })`,
    });
  }
  return [
    { name: "relay", address: entrance.publicIPv4, port, pings: false },
    direct(ipv6 ?? relay.server, relay.to),
  ];
}

/** Which TCP ports go home, as the inventory says it. */
function tcpOf(entrances: readonly Pick<Entrance, "forwards">[]): string {
  const said = entrances.flatMap(({ forwards }) =>
    forwards.flatMap(({ all, flows }) => [
      ...(all === undefined
        ? []
        : [["all", all.except.map(showFlow).join(", ")].filter(Boolean).join(" except ")]),
      ...flows.filter(({ protocol }) => protocol === tcp).map(showFlow),
    ]),
  );
  return [...new Set(said)].join(", ");
}
