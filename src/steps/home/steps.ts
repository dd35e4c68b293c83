import type { HomeWorld } from "../../hosts/world.js";
import { addressStep } from "../linux/address.js";
import type { LinuxStep } from "../linux/boot.js";
import { firewalldStep } from "../linux/firewalld.js";
import { packagesStep } from "../linux/packages.js";
import { persistenceStep } from "../linux/persistence.js";
import { sysctlStep } from "../linux/sysctl.js";
import { tunnelStep } from "../linux/tunnel.js";
import { unitStep } from "../linux/unit.js";
import { chains } from "./chains.js";
import { homeRole } from "./role.js";
import { routes } from "./routes.js";
import { rules } from "./rules.js";

export const sysctl = sysctlStep(homeRole);
export const address = addressStep(homeRole);
export const tunnel = tunnelStep(homeRole);

/** The running state, in the order to make it: what guards the tunnel is there before it. */
const bootSteps = [sysctl, chains, address, tunnel, routes, rules];

export const persistence = persistenceStep(homeRole, bootSteps);

/** In the order to make things; they are taken away the other way round. */
export const homeSteps: readonly LinuxStep<HomeWorld>[] = [
  packagesStep(homeRole),
  persistence,
  firewalldStep(homeRole, {
    files: () => [],
    conflicts: (world) =>
      homeRole.facts(world).neighbours.firewalld.installed && homeRole.forwards(world)
        ? [
            {
              host: "home",
              message:
                "firewalld on the home machine lets nothing through to servers behind it, and ds4 can't have it do so",
              hint: "take firewalld off that machine, or let the tunnel end on the server itself",
            },
          ]
        : [],
  }),
  ...bootSteps,
  unitStep(homeRole),
];
