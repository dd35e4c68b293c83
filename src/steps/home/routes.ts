import type { HomeWorld } from "../../hosts/world.js";
import { lastMetric, protocol, routeItem, routesStep } from "../linux/routes.js";
import { privateRanges } from "../private-ranges.js";

/** What goes out by the machine itself: also to its own link, and to several receivers at once. */
export const elsewhere = [...privateRanges, "169.254.0.0/16", "224.0.0.0/3"] as const;

/** The tunnel's table: the way through it and, behind that, none; and what doesn't go there. */
export const routes = routesStep<HomeWorld>({
  desired: ({ site }) => {
    const table = String(site.tunnel.table);
    return new Map([
      routeItem("default", { type: "unicast", device: site.tunnel.name, metric: 0, table }),
      routeItem("default", { type: "unreachable", device: "", metric: lastMetric, table }),
      ...elsewhere.map((range) => routeItem(range, { type: "throw", device: "", metric: 0, table })),
    ]);
  },
  probe: `ip -4 -j route show table all proto ${protocol}`,
  conflicts: ({ site, home }) => {
    const others = home.table
      .split("\n")
      .filter((line) => line.trim() !== "" && !line.includes(` proto ${protocol} `));
    return others.length === 0
      ? []
      : [
          {
            host: "home",
            message: `routing table ${site.tunnel.table} on the home machine is used by somebody else: ${others[0]?.trim()}`,
            hint: "choose another one with 'tunnel: { table: … }'",
          },
        ];
  },
});
