import type { PlannedStep } from "../core/plan.js";
import type { HostName } from "../core/step.js";
import { homeSteps } from "./home/steps.js";
import { routerSteps } from "./router/steps.js";
import { vpsSteps } from "./vps/steps.js";

export { homeSteps, routerSteps, vpsSteps };

/** The steps of each host, as far as a plan needs them. */
export const stepsOf: Readonly<Record<HostName, readonly PlannedStep[]>> = {
  vps: vpsSteps,
  router: routerSteps,
  home: homeSteps,
};
