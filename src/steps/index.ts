import type { PlannedStep } from "../core/plan.js";
import type { HostName } from "../core/step.js";
import { address as routerAddress } from "./router/address.js";
import { boot } from "./router/boot.js";
import { files } from "./router/files.js";
import { firewall } from "./router/firewall.js";
import { packages as routerPackages } from "./router/packages.js";
import { routes as routerRoutes } from "./router/routes.js";
import { rules } from "./router/rules.js";
import type { RouterStep } from "./router/step.js";
import { tunnel as routerTunnel } from "./router/tunnel.js";
import { uci } from "./router/uci.js";
import type { VpsStep } from "./vps/boot.js";
import { firewalld } from "./vps/firewalld.js";
import { packages } from "./vps/packages.js";
import { bootSteps, persistence } from "./vps/persistence.js";
import { unit } from "./vps/unit.js";

/** In the order to make things; they are taken away the other way round. */
export const vpsSteps: readonly VpsStep[] = [packages, persistence, firewalld, ...bootSteps, unit];

/** In the order to make things; they are taken away the other way round. */
export const routerSteps: readonly RouterStep[] = [
  routerPackages,
  files,
  boot,
  routerTunnel,
  uci,
  routerAddress,
  rules,
  routerRoutes,
  firewall,
];

/** The steps of each host, as far as a plan needs them. */
export const stepsOf: Readonly<Record<HostName, readonly PlannedStep[]>> = {
  vps: vpsSteps,
  router: routerSteps,
};
