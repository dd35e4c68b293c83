import type { Conflict } from "../../core/step.js";
import type { World } from "../../hosts/world.js";
import { contains4 } from "../../inventory/addresses.js";
import { serversOf } from "../../inventory/site.js";
import { lastMetric, protocol, routeItem, routesStep } from "../linux/routes.js";

/**
 * Each server's /32 by the tunnel and, behind it, an unreachable one: while the tunnel is down, a visitor gets an
 * error at once and no packet with a private address leaks to the provider.
 */
export const routes = routesStep<World>({
  desired: ({ site }) =>
    new Map(
      serversOf(site).flatMap((server) => [
        routeItem(server, { type: "unicast", device: site.tunnel.name, metric: 0 }),
        routeItem(server, { type: "unreachable", device: "", metric: lastMetric }),
      ]),
    ),
  probe: `ip -j route show proto ${protocol}`,
  conflicts: ({ site, vps }) => [
    ...vps.links
      .flatMap(({ name, addresses }) => addresses.map((own) => ({ name, ...own })))
      .flatMap(({ name, family, address, prefixLength }) =>
        serversOf(site)
          .filter((server) => family === 4 && contains4(`${address}/${prefixLength}`, server))
          .map(
            (server): Conflict => ({
              host: "vps",
              message: `the VPS has a network of its own that holds ${server}: ${address}/${prefixLength} on ${name}`,
              hint: "give the home network another range, or take that network off the VPS",
            }),
          ),
      ),
    // It would be replaced, and gone after a teardown.
    ...vps.routes
      .filter(
        ({ target, protocol: by, metric }) =>
          serversOf(site).includes(target) && by !== protocol && metric === 0,
      )
      .map(
        ({ target, device }): Conflict => ({
          host: "vps",
          message: `the VPS has a route to ${target} already, by ${device}, and it isn't ds4's`,
          hint: `remove it ('ip route del ${target} dev ${device}', and what makes it at boot, such as AllowedIPs of a WireGuard tunnel)`,
        }),
      ),
  ],
});
