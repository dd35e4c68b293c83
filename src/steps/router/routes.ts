import { quote } from "../../core/script.js";
import type { State } from "../../core/state.js";
import { privateRanges } from "../private-ranges.js";
import { type RouterStep, unreachableMetric } from "./step.js";

const thrown = privateRanges.map((range) => `throw ${range}`);

/** The tunnel's table as the kernel has it: the way through it and, behind that, none; and what doesn't go there. */
export const routes: RouterStep = {
  name: "route",
  layer: "live",
  desired: ({ site }) => {
    const item = (route: string, state: State): [string, State] => [`${route}/${site.tunnel.table}`, state];
    return new Map([
      item("default", { via: `dev ${site.tunnel.name}`, metric: 0 }),
      item("unreachable default", { via: "", metric: unreachableMetric }),
      ...thrown.map((route) => item(route, { via: "", metric: 0 })),
    ]);
  },
  // A table that nobody has used yet is an error for iproute2, but not for BusyBox.
  probe: (site) => `ip route show table ${site.tunnel.table} 2>/dev/null || :`,
  parse: (section, facts, site) => {
    if (!facts.marked) return new Map();
    const items = new Map<string, State>();
    for (const line of section.stdout.split("\n")) {
      // Others may have routes of their own there.
      const [, route = "", rest = ""] = /^((?:(?:unreachable|throw) )?[\w./]+)(.*)$/.exec(line.trim()) ?? [];
      if (!/(^|unreachable )default$/.test(route) && !thrown.includes(route)) continue;
      const via = [/via \S+/, /dev \S+/].flatMap((form) => form.exec(rest)?.[0] ?? []).join(" ");
      const metric = Number(/metric (\d+)/.exec(rest)?.[1] ?? 0);
      const id = `${route}/${site.tunnel.table}`;
      const more = items.get(id);
      items.set(id, more ? { ...more, via: `${more.via}, ${via}` } : { via, metric });
    }
    return items;
  },
  render: (changes, context) => {
    for (const { id, from, to } of changes) {
      if (to === undefined && from !== undefined) for (const line of remove(id, from)) context.finally(line);
    }
    return changes.flatMap(({ id, from, to }) => [
      context.mark(id),
      ...(to === undefined
        ? []
        : [
            ...(from === undefined ? [] : remove(id, from)),
            ...context.make(id, [
              [
                `ip route replace ${routeOf(id)}`,
                ...(to.via === "" ? [] : [`${to.via} scope link`]),
                ...(to.metric === 0 ? [] : [`metric ${to.metric}`]),
                `table ${quote(tableOf(id))} proto static`,
              ].join(" "),
            ]),
          ]),
    ]);
  },
  conflicts: ({ site, router }) =>
    router.marked || router.table.trim() === ""
      ? []
      : [
          {
            host: "router",
            message: `routing table ${site.tunnel.table} on the router is used by somebody else: ${router.table.trim().split("\n")[0]}`,
            hint: "choose another one with 'tunnel: { table: … }'",
          },
        ],
};

/** What `ip route` calls it, and its table. */
const routeOf = (id: string) => id.slice(0, id.lastIndexOf("/"));
const tableOf = (id: string) => id.slice(id.lastIndexOf("/") + 1);

/** Each route of a state by its device: a bare `ip route del default` would take the unreachable one, too. */
function remove(id: string, { via, metric }: State): readonly string[] {
  return String(via)
    .split(", ")
    .map((one) =>
      [
        `ip route del ${routeOf(id)} ${one}`.trim(),
        `table ${quote(tableOf(id))}`,
        ...(metric === 0 ? [] : [`metric ${metric}`]),
        "2>/dev/null || :",
      ].join(" "),
    );
}
