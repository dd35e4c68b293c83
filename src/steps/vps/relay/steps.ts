import { programs } from "./programs.js";
import { chains, firewalld, packages, persistence, unit } from "./shared.js";
import type { RelayStep } from "./step.js";
import { units } from "./units.js";

/** What a tunnel has none of. */
export const ownSteps: readonly RelayStep[] = [units, programs];

/** What a relay has on the VPS, in the order to make it; it is taken away the other way round. */
export const relaySteps: readonly RelayStep[] = [packages, persistence, firewalld, chains, unit, ...ownSteps];
