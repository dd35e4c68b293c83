import type { Conflict } from "../../core/step.js";
import { networkOf, type RouterFacts } from "../../hosts/router/facts.js";
import { homeSendersOf, type Site } from "../../inventory/site.js";
import {
  clearRule,
  knownRules,
  makeRule,
  parseRules,
  readRules,
  replyMark,
  replyMarkText,
  ruleConflicts,
  rulesProbe,
  wantedRules,
} from "../policy-rules.js";
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
    return changes.flatMap(({ id, to }) => [
      context.mark(id),
      ...(to === undefined
        ? []
        : // Mostly netifd has done it by now.
          context.make(id, [makeRule(id, String(to.rule))])),
    ]);
  },
  conflicts: ({ site, router, design }) => [
    ...ruleConflicts(
      "router",
      "router",
      site,
      wantedRules(site, design),
      router,
      (server) => networkOf(router, server)?.device,
    ),
    ...markConflicts(site, router),
  ],
};

/** Rules and firewall sections of others that count on the bit by which ds4 tells replies. */
function markConflicts(site: Site, router: RouterFacts): readonly Conflict[] {
  if (homeSendersOf(site).length === 0) return [];
  const own = knownRules(site, router);
  const byRule = readRules(router.rules)
    .filter(([, rule]) => !own.has(rule) && hasBit(/ fwmark (\S+)/.exec(` ${rule}`)?.[1]))
    .map(([priority, rule]) => `the routing rule '${priority}: ${rule}'`);
  const bySection = router.firewall.flatMap(({ name, type, options }) =>
    ["mark", "set_mark", "set_xmark"]
      .filter((option) => hasBit(String(options[option] ?? "")))
      .map((option) => `the firewall's ${type} '${options.name ?? name}' (${option} ${options[option]})`),
  );
  return [...byRule, ...bySection].map((what) => ({
    host: "router",
    message: `${what} on the router uses the mark ${replyMarkText}, by which ds4 tells the replies of a server with 'egress: isp'`,
    hint: "give it a mark and a mask without that bit, or leave 'egress: isp' out",
  }));
}

/** Whether `MARK` or `MARK/MASK` has ds4's bit. A mask of all bits says that nobody chose one. */
function hasBit(text = ""): boolean {
  const [mark = 0, mask = 0] = text.replace(/^!\s*/, "").split("/").map(Number);
  return ((mask === 0xffffffff ? mark : mark | mask) & replyMark) !== 0;
}
