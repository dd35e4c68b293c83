import { quote } from "../../core/script.js";
import type { State } from "../../core/state.js";
import { type RouterStep, unreachableMetric } from "./step.js";

/** The tunnel's table as the kernel has it: the way through it and, behind that, none. */
export const routes: RouterStep = {
  name: "route",
  layer: "live",
  desired: ({ site }) =>
    new Map<string, State>([
      [`default/${site.tunnel.table}`, { type: "unicast", via: `dev ${site.tunnel.name}`, metric: 0 }],
      [`unreachable/${site.tunnel.table}`, { type: "unreachable", via: "", metric: unreachableMetric }],
    ]),
  // A table that nobody has used yet is an error for iproute2, but not for BusyBox.
  probe: (site) => `ip route show table ${site.tunnel.table} 2>/dev/null || :`,
  parse: (section, facts, site) => {
    if (!facts.marked) return new Map();
    const items = new Map<string, State>();
    for (const line of section.stdout.split("\n")) {
      const match = /^(unreachable )?default\b(.*)$/.exec(line.trim());
      if (!match) continue;
      const rest = match[2] ?? "";
      const via = [/via \S+/, /dev \S+/].flatMap((form) => form.exec(rest)?.[0] ?? []).join(" ");
      const metric = Number(/metric (\d+)/.exec(rest)?.[1] ?? 0);
      const type = match[1] === undefined ? "unicast" : "unreachable";
      const id = `${match[1] === undefined ? "default" : "unreachable"}/${site.tunnel.table}`;
      const more = items.get(id);
      items.set(id, more ? { ...more, via: `${more.via}, ${via}` } : { type, via, metric });
    }
    return items;
  },
  render: (changes, context) => {
    for (const { id, from, to } of changes) {
      if (to === undefined && from !== undefined) for (const line of remove(id, from)) context.finally(line);
    }
    return changes.flatMap(({ id, from, to }) => {
      if (to === undefined) return [context.mark(id)];
      const at = `table ${quote(table(id))} proto static`;
      return [
        context.mark(id),
        ...(from === undefined ? [] : remove(id, from)),
        to.type === "unreachable"
          ? `ip route replace unreachable default metric ${to.metric} ${at}`
          : `ip route replace default ${to.via} scope link ${at}`,
      ];
    });
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

const table = (id: string) => id.slice(id.indexOf("/") + 1);

/** Each route of a state by its device: a bare `ip route del default` would take the unreachable one, too. */
function remove(id: string, state: State): readonly string[] {
  const unreachable = state.type === "unreachable";
  return (unreachable ? [""] : String(state.via).split(", ")).map((via) =>
    [
      `ip route del ${unreachable ? "unreachable " : ""}default ${via}`.trim(),
      `table ${quote(table(id))}`,
      ...(state.metric === 0 ? [] : [`metric ${state.metric}`]),
      "2>/dev/null || :",
    ].join(" "),
  );
}
