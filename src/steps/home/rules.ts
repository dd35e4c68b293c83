import { deviceOf } from "../../hosts/home/design.js";
import { homeHost } from "../../hosts/home/facts.js";
import type { HomeWorld } from "../../hosts/world.js";
import { type BootStep, renderByBootScript } from "../linux/boot.js";
import { clearRule, makeRule, parseRules, ruleConflicts, rulesProbe, wantedRules } from "../policy-rules.js";

/** The policy rules. Of protocol `static`, as systemd-networkd would make them, so that it takes them for its own. */
export const rules: BootStep<HomeWorld> = {
  name: "rule",
  layer: "live",
  desired: ({ site, design }) => wantedRules(site, design),
  probe: () => rulesProbe,
  parse: parseRules,
  up: (id, state) => [makeRule(id, String(state.rule))],
  render: (changes, context) => renderByBootScript(rules, changes, (id) => [clearRule(id)], context),
  conflicts: ({ site, home, design }) =>
    ruleConflicts("home", homeHost.name, site, design, home, (server) => deviceOf(home, server)),
};
