import type { Step } from "../../../core/step.js";
import type { HomeFacts } from "../../../hosts/home/facts.js";
import type { RelayDesign } from "../../../hosts/relay-design.js";
import type { RouterFacts } from "../../../hosts/router/facts.js";
import type { VpsFacts } from "../../../hosts/vps/facts.js";
import type { Site } from "../../../inventory/site.js";

/** All that a relay's wanted state is made from. */
export type RelayWorld = {
  readonly site: Site;
  readonly vps: VpsFacts;
  /** Where the site has one of them, from a former tunnel. */
  readonly router?: RouterFacts | undefined;
  readonly home?: HomeFacts | undefined;
  readonly design: RelayDesign;
};

export type RelayStep = Step<RelayWorld, VpsFacts>;
