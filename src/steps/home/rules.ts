import type { Items } from "../../core/state.js";
import { deviceOf } from "../../hosts/home/design.js";
import { homeHost } from "../../hosts/home/facts.js";
import type { HomeWorld } from "../../hosts/world.js";
import { type BootStep, renderByBootScript } from "../linux/boot.js";
import {
  clearRule,
  makeRule,
  parseRules,
  ruleConflicts,
  rulesProbe,
  sourceless,
  wantedRules,
  wantedSourcelessRules,
} from "../policy-rules.js";

const wanted = ({ site, design }: Pick<HomeWorld, "site" | "design">): Items =>
  new Map([
    ...wantedRules(site, design),
    ...(design.home.here.length > 0 ? wantedSourcelessRules(site) : []),
  ]);

/**
 * The policy rules. Of protocol `static`, as systemd-networkd would make them, so that it takes them for its own; but
 * it can't be told of those for no source, and leaves only the kernel's alone.
 */
export const rules: BootStep<HomeWorld> = {
  name: "rule",
  layer: "live",
  desired: wanted,
  probe: () => rulesProbe,
  parse: parseRules,
  up: (id, state) => {
    const rule = String(state.rule);
    return rule.startsWith(sourceless)
      ? [makeRule(id, rule, rule.replace(sourceless, "from 0.0.0.0/32 iif lo"), "kernel")]
      : [makeRule(id, rule)];
  },
  render: (changes, context) => renderByBootScript(rules, changes, (id) => [clearRule(id)], context),
  conflicts: ({ site, home, design }) =>
    ruleConflicts("home", homeHost.name, site, wanted({ site, design }), home, (server) =>
      deviceOf(home, server),
    ),
};
