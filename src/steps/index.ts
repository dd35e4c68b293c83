import type { HostName } from "../core/hosts.js";
import type { Step } from "../core/step.js";
import type { HomeFacts } from "../hosts/home/facts.js";
import type { RouterFacts } from "../hosts/router/facts.js";
import type { VpsFacts } from "../hosts/vps/facts.js";
import { homeSteps } from "./home/steps.js";
import { routerSteps } from "./router/steps.js";
import { ownSteps, relaySteps } from "./vps/relay/steps.js";
import { vpsSteps } from "./vps/steps.js";

export { homeSteps, relaySteps, routerSteps, vpsSteps };

/**
 * All steps of each host, whatever the mode: they are always read and planned, and one that the site's mode doesn't
 * have wants nothing. So a switch from one mode to another leaves nothing behind.
 */
export const stepsOf = {
  vps: [...vpsSteps, ...ownSteps] satisfies readonly Step<never, VpsFacts>[],
  router: routerSteps satisfies readonly Step<never, RouterFacts>[],
  home: homeSteps satisfies readonly Step<never, HomeFacts>[],
} satisfies Readonly<Record<HostName, unknown>>;
