import { quote } from "../../core/script.js";
import { networkOf } from "../../hosts/router/facts.js";
import { clearRule, parseRules, ruleConflicts, rulesProbe, wantedRules } from "../policy-rules.js";
import type { RouterStep } from "./step.js";

/** The policy rules as the kernel has them. */
export const rules: RouterStep = {
  name: "rule",
  layer: "live",
  desired: ({ site, design }) => wantedRules(site, design),
  probe: () => rulesProbe,
  parse: parseRules,
  render: (changes, context) => {
    for (const { id, to } of changes) if (to === undefined) context.finally(clearRule(id));
    return changes.flatMap(({ id, from, to }) => [
      context.mark(id),
      ...(to === undefined
        ? []
        : [
            ...(from === undefined ? [] : [clearRule(id)]),
            `ip rule | grep -q ${quote(`^${id}:`)} || ip rule add priority ${quote(id)} ${String(to.rule)} protocol static`,
          ]),
    ]);
  },
  conflicts: ({ site, router, design }) =>
    ruleConflicts(
      "router",
      "router",
      site,
      wantedRules(site, design),
      router,
      (server) => networkOf(router, server)?.device,
    ),
};
