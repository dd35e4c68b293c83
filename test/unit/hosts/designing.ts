import { expect } from "vitest";
import { HostError } from "../../../src/core/errors.js";
import type { Owned, OwnedTunnel } from "../../../src/core/owned.js";
import { makeRouterDesign } from "../../../src/hosts/router/design.js";
import type { RouterFacts } from "../../../src/hosts/router/facts.js";
import type { VpsFacts } from "../../../src/hosts/vps/facts.js";
import type { Site } from "../../../src/inventory/site.js";
import { address, link, lo, router, site, vps } from "../world.js";

type More = { site?: Site; vps?: Partial<VpsFacts>; router?: Partial<RouterFacts> };
/** The design of the usual home, but for what is said. */
export const design = (more: More = {}) =>
  makeRouterDesign(more.site ?? site, { ...vps, ...more.vps }, { ...router, ...more.router });

/** What is wrong and what to type, in one text. */
export function refusal(more: More): string {
  try {
    design(more);
  } catch (error) {
    expect(error).toBeInstanceOf(HostError);
    const { message, hint } = error as HostError;
    expect(hint).toBeTruthy();
    return `${message}\n${hint}`;
  }
  return expect.unreachable("it was accepted");
}

/** A VPS with these addresses on eth0. */
export const withAddresses = (...texts: readonly string[]): Partial<VpsFacts> => ({
  links: [lo, link("eth0", { addresses: texts.map((text) => address(text)) })],
});
/** The note of an earlier apply. */
export const owned: Owned & { readonly tunnel: OwnedTunnel } = {
  site: "home",
  tunnel: {
    name: "wrap1",
    atHome: "router",
    local: "2001:db8:1:0:203:0:113:144",
    ownLocal: true,
    remote: "2001:db8:100:0:203:0:113:144",
    servers: ["192.168.1.210"],
    mtu: 1400,
    table: 42,
  },
};
