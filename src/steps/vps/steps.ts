import type { World } from "../../hosts/world.js";
import { addressStep } from "../linux/address.js";
import type { LinuxStep } from "../linux/boot.js";
import { firewalldStep, zoneFiles } from "../linux/firewalld.js";
import { packagesStep } from "../linux/packages.js";
import { persistenceStep } from "../linux/persistence.js";
import { sysctlStep } from "../linux/sysctl.js";
import { tunnelStep } from "../linux/tunnel.js";
import { unitStep } from "../linux/unit.js";
import { chains } from "./chains.js";
import { vpsRole } from "./role.js";
import { routes } from "./routes.js";

export const packages = packagesStep(vpsRole);
export const sysctl = sysctlStep(vpsRole);
export const address = addressStep(vpsRole);
export const tunnel = tunnelStep(vpsRole);
export const firewalld = firewalldStep(vpsRole, { files: zoneFiles });
export const unit = unitStep(vpsRole);

/** The running state, in the order to make it. */
const bootSteps = [sysctl, address, tunnel, routes, chains];

export const persistence = persistenceStep(vpsRole, bootSteps);

/** In the order to make things; they are taken away the other way round. */
export const vpsSteps: readonly LinuxStep<World>[] = [packages, persistence, firewalld, ...bootSteps, unit];
