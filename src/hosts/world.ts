import type { Site } from "../inventory/site.js";
import type { Design } from "./design.js";
import type { RouterFacts } from "./router/facts.js";
import type { VpsFacts } from "./vps/facts.js";

/** All that the wanted state is made from. */
export type World = {
  readonly site: Site;
  readonly vps: VpsFacts;
  readonly router: RouterFacts;
  readonly design: Design;
};
