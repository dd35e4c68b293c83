import { z } from "zod";
import { readJson } from "../../core/json.js";
import { quote } from "../../core/script.js";
import type { State } from "../../core/state.js";
import { contains4 } from "../../inventory/addresses.js";
import { serversOf } from "../../inventory/site.js";
import { type BootStep, renderByBootScript } from "./boot.js";

/** The routing protocol number that marks ds4's routes, as other routing software has one each (rtnetlink(7)). */
export const protocol = "204";
/** Behind every other route. */
export const lastMetric = 4_000_000_000;

const schema = z.array(
  z.object({
    type: z.string().optional(),
    dst: z.string(),
    dev: z.string().optional(),
    protocol: z.string().optional(),
    metric: z.number().optional(),
  }),
);

/**
 * Each server's /32 by the tunnel and, behind it, an unreachable one: while the tunnel is down, a visitor gets an
 * error at once and no packet with a private address leaks to the provider.
 */
export const routes: BootStep = {
  name: "route",
  layer: "live",
  desired: ({ site }) =>
    new Map(
      serversOf(site).flatMap((server): [string, State][] => [
        [server, { type: "unicast", device: site.tunnel.name, metric: 0 }],
        [`${server}/unreachable`, { type: "unreachable", device: "", metric: lastMetric }],
      ]),
    ),
  probe: () => `ip -j route show proto ${protocol}`,
  parse: (section) =>
    new Map(
      readJson(section, "ip -j route", schema).map((route): [string, State] => {
        const type = route.type ?? "unicast";
        return [
          type === "unreachable" ? `${route.dst}/unreachable` : route.dst,
          { type, device: route.dev ?? "", metric: route.metric ?? 0 },
        ];
      }),
    ),
  up: (id, state) => [`ip route replace ${spec(id, state)} proto ${protocol}`],
  render: (changes, context) =>
    renderByBootScript(
      routes,
      changes,
      (id, state) => [`ip route del ${spec(id, state)} proto ${protocol} 2>/dev/null || :`],
      context,
    ),
  conflicts: ({ site, vps }) =>
    vps.links
      .flatMap(({ name, addresses }) => addresses.map((own) => ({ name, ...own })))
      .flatMap(({ name, family, address, prefixLength }) =>
        serversOf(site)
          .filter((server) => family === 4 && contains4(`${address}/${prefixLength}`, server))
          .map((server) => ({
            host: "vps",
            message: `the VPS has a network of its own that holds ${server}: ${address}/${prefixLength} on ${name}`,
            hint: "give the home network another range, or take that network off the VPS",
          })),
      ),
};

function spec(id: string, state: State): string {
  const target = quote(id.replace(/\/unreachable$/, ""));
  return state.type === "unreachable"
    ? `unreachable ${target} metric ${state.metric}`
    : `${target} dev ${quote(String(state.device))}${state.metric === 0 ? "" : ` metric ${state.metric}`}`;
}
