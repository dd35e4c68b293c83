import type { Step } from "../../core/step.js";
import type { RouterFacts } from "../../hosts/router/facts.js";
import type { World } from "../../hosts/world.js";

export type RouterStep = Step<World, RouterFacts>;

export { rulePriorities } from "../../hosts/router/earlier-rules.js";

/** Yields to the tunnel's own default route, and stays when that goes. */
export const unreachableMetric = 9999;
