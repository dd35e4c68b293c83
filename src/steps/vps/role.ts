import { vpsHost } from "../../hosts/vps/facts.js";
import type { World } from "../../hosts/world.js";
import { serversOf } from "../../inventory/site.js";
import type { Role } from "../linux/role.js";
import { lastMetric, protocol } from "../linux/routes.js";

export const vpsRole: Role<World> = {
  ...vpsHost,
  facts: ({ vps }) => vps,
  end: ({ design }) => ({
    device: design.uplink6,
    address: design.local,
    own: design.ownLocal,
    peer: design.remote,
    persist: design.persist,
  }),
  packages: ["iptables", "conntrack"],
  turnsTraffic: true,
  forwards: () => true,
  byMark: () => false,
  networkd: ({ site }) =>
    serversOf(site).map(
      (server) => `[Route]
Destination=${server}/32
Type=unreachable
Metric=${lastMetric}
Protocol=${protocol}
`,
    ),
};
