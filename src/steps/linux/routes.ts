import { z } from "zod";
import { readJson } from "../../core/json.js";
import { quote } from "../../core/script.js";
import type { State } from "../../core/state.js";
import type { World } from "../../hosts/world.js";
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
    table: z.string().optional(),
  }),
);

/** What a route is called: its table where that isn't `main`, its target and, where it isn't the usual one, its kind. */
export function routeItem(
  target: string,
  state: { readonly type: string; readonly device: string; readonly metric: number; readonly table?: string },
): [string, State] {
  const { type, table } = state;
  return [`${table === undefined ? "" : `${table}/`}${target}${type === "unicast" ? "" : `/${type}`}`, state];
}

/** Routes that ds4 has, of those that `probe` prints as JSON. */
export function routesStep<W extends World>(
  more: Pick<BootStep<W>, "desired" | "conflicts"> & { readonly probe: string },
): BootStep<W> {
  const step: BootStep<W> = {
    name: "route",
    layer: "live",
    ...more,
    probe: () => more.probe,
    parse: (section) =>
      new Map(
        readJson(section, "ip -j route", schema).map((route) =>
          routeItem(route.dst, {
            type: route.type ?? "unicast",
            device: route.dev ?? "",
            metric: route.metric ?? 0,
            ...(route.table === undefined ? {} : { table: route.table }),
          }),
        ),
      ),
    up: (id, state) => [`ip route replace ${spec(id, state)} proto ${protocol}`],
    render: (changes, context) =>
      renderByBootScript(
        step,
        changes,
        (id, state) => [`ip route del ${spec(id, state)} proto ${protocol} 2>/dev/null || :`],
        context,
      ),
  };
  return step;
}

function spec(id: string, { type, device, metric, table }: State): string {
  const begin = table === undefined ? 0 : String(table).length + 1;
  const target = quote(id.slice(begin, type === "unicast" ? undefined : -(String(type).length + 1)));
  return [
    ...(type === "unicast" ? [target, `dev ${quote(String(device))}`] : [quote(String(type)), target]),
    ...(metric === 0 ? [] : [`metric ${metric}`]),
    ...(table === undefined ? [] : [`table ${quote(String(table))}`]),
  ].join(" ");
}
