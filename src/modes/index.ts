import type { Site } from "../inventory/site.js";
import type { Mode } from "./mode.js";
import { relay } from "./relay.js";
import { homeTunnel, routerTunnel } from "./tunnel.js";

/** The ways to bring a public IPv4 home: those that the inventory calls a tunnel differ by what ends it there. */
const modes = { relay, "tunnel-router": routerTunnel, "tunnel-home": homeTunnel } as const;

/** A site's way. */
export function modeOf({ mode, tunnel }: Pick<Site, "mode" | "tunnel">): Mode {
  return modes[mode === "relay" ? mode : (`tunnel-${tunnel.end}` as const)];
}
