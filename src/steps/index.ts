import type { HostName, Step } from "../core/step.js";
import type { RouterFacts } from "../hosts/router/facts.js";
import type { VpsFacts } from "../hosts/vps/facts.js";
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
import { programs } from "./vps/relay/programs.js";
import * as shared from "./vps/relay/shared.js";
import type { RelayStep } from "./vps/relay/step.js";
import { units } from "./vps/relay/units.js";
import { unit } from "./vps/unit.js";

/** What a tunnel has on the VPS, in the order to make it; it is taken away the other way round. */
export const vpsSteps: readonly VpsStep[] = [packages, persistence, firewalld, ...bootSteps, unit];

/** What a relay has there. */
export const relaySteps: readonly RelayStep[] = [
  shared.packages,
  shared.persistence,
  shared.firewalld,
  shared.chains,
  shared.unit,
  units,
  programs,
];

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

/**
 * All steps of each host, whatever the mode: they are always read and planned, and one that the site's mode doesn't
 * have wants nothing. So a switch from one mode to another leaves nothing behind.
 */
export const stepsOf = {
  vps: [...vpsSteps, units, programs] satisfies readonly Step<never, VpsFacts>[],
  router: routerSteps satisfies readonly Step<never, RouterFacts>[],
} satisfies Readonly<Record<HostName, unknown>>;
