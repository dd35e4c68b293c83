import type { Step } from "../../core/step.js";
import type { RouterFacts } from "../../hosts/router/facts.js";
import type { RouterWorld } from "../../hosts/world.js";

export type RouterStep = Step<RouterWorld, RouterFacts>;

const reload = "{ /etc/init.d/firewall reload; firewall=loaded; }";
/** The firewall has to be reloaded: its files have changed. */
export const firewallStale = "firewall=stale";
/** Reloads it where its files have changed. */
export const reloadStale = `[ "\${firewall:-}" != stale ] || ${reload}`;
/** Reloads it, unless that was done since its files last changed. */
export const reloadFirewall = `[ "\${firewall:-}" = loaded ] || ${reload}`;

/** Yields to the tunnel's own default route, and stays when that goes. */
export const unreachableMetric = 9999;
