import type { Step } from "../../core/step.js";
import type { RouterFacts } from "../../hosts/router/facts.js";
import type { World } from "../../hosts/world.js";

export type RouterStep = Step<World, RouterFacts>;

/** Where ds4's two rules are in the router's list: behind mwan3's (1000 to 3000) and before everything of netifd's. */
export const rulePriorities = { main: 4200, table: 4201 } as const;

/** Yields to the tunnel's own default route, and stays when that goes. */
export const unreachableMetric = 9999;
