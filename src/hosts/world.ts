import type { Site } from "../inventory/site.js";
import type { Design } from "./design.js";
import type { HomeDesign } from "./home/design.js";
import type { HomeFacts } from "./home/facts.js";
import type { RouterDesign } from "./router/design.js";
import type { RouterFacts } from "./router/facts.js";
import type { VpsFacts } from "./vps/facts.js";

/** All that the wanted state is made from. */
export type World = {
  readonly site: Site;
  readonly vps: VpsFacts;
  readonly router?: RouterFacts;
  readonly home?: HomeFacts;
  readonly design: Design;
};

/** The same where an OpenWrt router ends the tunnel, and where a Linux machine does. */
export type RouterWorld = World & { readonly router: RouterFacts; readonly design: RouterDesign };
export type HomeWorld = World & { readonly home: HomeFacts; readonly design: HomeDesign };
