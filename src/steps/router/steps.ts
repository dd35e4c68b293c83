import { address } from "./address.js";
import { boot } from "./boot.js";
import { files } from "./files.js";
import { firewall } from "./firewall.js";
import { packages } from "./packages.js";
import { routes } from "./routes.js";
import { rules } from "./rules.js";
import type { RouterStep } from "./step.js";
import { tunnel } from "./tunnel.js";
import { uci } from "./uci.js";

/** In the order to make things; they are taken away the other way round. */
export const routerSteps: readonly RouterStep[] = [
  packages,
  files,
  boot,
  tunnel,
  uci,
  address,
  rules,
  routes,
  firewall,
];
