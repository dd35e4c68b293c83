import type { Step } from "../core/step.js";
import { usedEntrances } from "../hosts/entrances.js";
import { makeHomeDesign } from "../hosts/home/design.js";
import { makeRouterDesign } from "../hosts/router/design.js";
import type { HomeWorld, RouterWorld, World } from "../hosts/world.js";
import type { Site } from "../inventory/site.js";
import { type AtHome, atLinux, atRouter } from "../proof/at-home.js";
import { tunnelProof } from "../proof/judge.js";
import { homeSteps, routerSteps, vpsSteps } from "../steps/index.js";
import { conflictsOf, desiredOf, type Mode, type SiteFacts } from "./mode.js";

/** IPv4 in IPv6 between the VPS and a host at home, in the kernel: every protocol, and each visitor's own address. */
function tunnelTo<W extends World>(of: {
  readonly host: AtHome["host"];
  readonly steps: readonly Step<W, never>[];
  /** @throws HostError where a host lacks what it takes. */
  world(site: Site, facts: SiteFacts): W;
  atHome(world: W): AtHome;
}): Mode {
  return {
    measures: true,
    design: (site, facts) => {
      const world = of.world(site, facts);
      const { design } = world;
      return {
        publicIPv4: design.publicIPv4,
        uplinkIPv4: design.uplinkIPv4,
        entrances: usedEntrances(design.entrances),
        mtu: design.mtu,
        way: `tunnel ${site.tunnel.name} with MTU ${design.mtu}`,
        notes: design.notes,
        desired: { vps: desiredOf(vpsSteps, world), [of.host]: desiredOf(of.steps, world) },
        conflicts: [...conflictsOf(vpsSteps, world), ...conflictsOf(of.steps, world)],
        proof: tunnelProof(site, design, of.atHome(world)),
      };
    },
  };
}

/** A tunnel that an OpenWrt router ends. */
export const routerTunnel = tunnelTo<RouterWorld>({
  host: "router",
  steps: routerSteps,
  world: (site, { vps, router, home }) => {
    if (router === undefined) throw new Error("a site without a router");
    return { site, vps, router, design: makeRouterDesign(site, vps, router, home?.way) };
  },
  atHome: ({ site, design }) => atRouter(site, design),
});

/** A tunnel that a Linux machine ends. */
export const homeTunnel = tunnelTo<HomeWorld>({
  host: "home",
  steps: homeSteps,
  world: (site, { vps, router, home }) => {
    if (home === undefined) throw new Error("a site without a Linux machine at home");
    return { site, vps, home, design: makeHomeDesign(site, vps, home, router?.way) };
  },
  atHome: ({ site, design }) => atLinux(site, design),
});
