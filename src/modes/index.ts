import type { ModeName } from "../inventory/site.js";
import type { Mode } from "./mode.js";
import { relay } from "./relay.js";
import { tunnel } from "./tunnel.js";

/** The ways to bring a public IPv4 home, by what the inventory calls them. */
export const modes: Readonly<Record<ModeName, Mode>> = { tunnel, relay };
