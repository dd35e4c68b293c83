import { quote } from "../../core/script.js";
import type { State } from "../../core/state.js";
import { isDerived } from "../../hosts/endpoint.js";
import type { HostAddress, LinuxFacts } from "../../hosts/linux/facts.js";
import type { World } from "../../hosts/world.js";
import type { Site } from "../../inventory/site.js";
import { type BootStep, renderByBootScript } from "./boot.js";
import type { Role } from "./role.js";

/**
 * The tunnel's own IPv6 address, on the uplink so that neighbours find it there. Deprecated, so that nothing else
 * the host sends ever takes it as its source; without duplicate address detection, which would leave the tunnel
 * dead for a second or two.
 */
export function addressStep<W extends World>(role: Role<W>): BootStep<W> {
  const endpointIn = (site: Site) => (role.host === "home" ? site.home : site.vps)?.endpoint;
  const step: BootStep<W> = {
    name: "address",
    layer: "live",
    desired: (world) => {
      const { address, device, own } = role.end(world);
      return own ? new Map([[`${address}/128`, { device, deprecated: true }]]) : new Map();
    },
    probe: () => "",
    parse: (_, facts, site) => {
      const items = new Map<string, State>();
      for (const link of facts.links) {
        for (const own of link.addresses) {
          if (own.prefixLength !== 128 || !isOurs(own, facts, endpointIn(site))) continue;
          items.set(`${own.address}/${own.prefixLength}`, { device: link.name, deprecated: own.deprecated });
        }
      }
      return items;
    },
    up: (id, state) => [
      `ip -6 addr replace ${quote(id)} dev ${quote(String(state.device))} valid_lft forever preferred_lft ${state.deprecated ? 0 : "forever"} nodad`,
    ],
    render: (changes, context) =>
      renderByBootScript(
        step,
        changes,
        (id, state) => [`ip -6 addr del ${quote(id)} dev ${quote(String(state.device))} 2>/dev/null || :`],
        context,
      ),
    conflicts: (world) => {
      const { address, own: wanted } = role.end(world);
      const facts = role.facts(world);
      const holder = facts.links.find(({ addresses }) =>
        addresses.some((own) => own.address === address && !isOurs(own, facts, endpointIn(world.site))),
      );
      if (!wanted || holder === undefined) return [];
      return [
        {
          host: role.host,
          message: `the address ${address} for the tunnel's end is on ${holder.name} already, and not by ds4`,
          hint: `free it, or choose another one with '${role.host}: { endpoint: … }' ('primary' for the ${role.name}'s own address)`,
        },
      ];
    },
  };
  return step;
}

/** The address that is written down; where that note is lost, one of the kind that only ds4 makes. */
function isOurs(
  own: HostAddress,
  { owned, marked }: Pick<LinuxFacts, "owned" | "marked">,
  endpoint: string | undefined,
): boolean {
  if (owned === undefined) {
    const asMade = own.family === 6 && own.global && own.deprecated;
    return marked && asMade && (own.address === endpoint || isDerived(own.address));
  }
  return owned.tunnel?.ownLocal === true && own.address === owned.tunnel.local;
}
