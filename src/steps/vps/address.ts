import type { Owned } from "../../core/owned.js";
import { quote } from "../../core/script.js";
import type { State } from "../../core/state.js";
import type { HostAddress } from "../../hosts/vps/facts.js";
import { type BootStep, renderByBootScript } from "./boot.js";

/**
 * The tunnel's own IPv6 address, on the uplink so that neighbours find it there. Deprecated, so that nothing else
 * the VPS sends ever takes it as its source; without duplicate address detection, which would leave the tunnel
 * dead for a second or two.
 */
export const address: BootStep = {
  name: "address",
  layer: "live",
  desired: ({ design }) =>
    design.ownLocal
      ? new Map([[`${design.local}/128`, { device: design.uplink6, deprecated: true }]])
      : new Map(),
  probe: () => ":",
  parse: (_, { links, owned, marked }) => {
    const items = new Map<string, State>();
    for (const link of links) {
      for (const own of link.addresses) {
        if (own.prefixLength !== 128 || !isOurs(own, owned, marked)) continue;
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
      address,
      changes,
      (id, state) => [`ip -6 addr del ${quote(id)} dev ${quote(String(state.device))} 2>/dev/null || :`],
      context,
    ),
  conflicts: ({ design, vps }) => {
    const holder = vps.links.find(({ addresses }) =>
      addresses.some((own) => own.address === design.local && !isOurs(own, vps.owned, vps.marked)),
    );
    if (!design.ownLocal || holder === undefined) return [];
    return [
      {
        host: "vps",
        message: `the address ${design.local} for the tunnel's end is on ${holder.name} already, and not by ds4`,
        hint: `free it, or choose another one with 'vps: { endpoint: … }' ('primary' for the VPS's own address)`,
      },
    ];
  },
};

/** The address that is written down; where that note is lost, one of the kind that only ds4 makes. */
function isOurs(own: HostAddress, owned: Owned | undefined, marked: boolean): boolean {
  if (owned === undefined) return marked && own.family === 6 && own.global && own.deprecated;
  return owned.tunnel?.ownLocal === true && own.address === owned.tunnel.local;
}
