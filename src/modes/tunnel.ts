import { makeDesign } from "../hosts/design.js";
import { tunnelProof } from "../proof/judge.js";
import { routerSteps, vpsSteps } from "../steps/index.js";
import { conflictsOf, desiredOf, type Mode } from "./mode.js";

/** IPv4 in IPv6 between the VPS and the router, in the kernel: every protocol, and each visitor's own address. */
export const tunnel: Mode = {
  measures: true,
  design: (site, { vps, router }) => {
    if (router === undefined) throw new Error("a tunnel without a router");
    const design = makeDesign(site, vps, router);
    const world = { site, vps, router, design };
    return {
      publicIPv4: design.publicIPv4,
      mtu: design.mtu,
      way: `tunnel ${site.tunnel.name} with MTU ${design.mtu}`,
      notes: design.notes,
      desired: { vps: desiredOf(vpsSteps, world), router: desiredOf(routerSteps, world) },
      conflicts: [...conflictsOf(vpsSteps, world), ...conflictsOf(routerSteps, world)],
      proof: tunnelProof(site, design),
    };
  },
};
