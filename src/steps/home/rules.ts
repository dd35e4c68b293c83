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
  wantedOwnRules,
  wantedRules,
} from "../policy-rules.js";

export const wantedHomeRules = ({ site, design, home }: HomeWorld): Items =>
  new Map([
    ...wantedRules(site, design),
    ...(design.home.here.length > 0 ? wantedOwnRules(site, home.uplink?.name) : []),
  ]);

/**
 * The policy rules. Of protocol `static`, as systemd-networkd would make them, so that it takes them for its own; but
 * it can't be told of those for no source, and leaves only the kernel's alone.
 */
export const rules: BootStep<HomeWorld> = {
  name: "rule",
  layer: "live",
  desired: wantedHomeRules,
  probe: () => rulesProbe,
  parse: parseRules,
  up: (id, state) => {
    const rule = String(state.rule);
    return rule.startsWith(sourceless)
      ? [makeRule(id, rule, rule.replace(sourceless, "from 0.0.0.0/32 iif lo"), "kernel")]
      : [makeRule(id, rule)];
  },
  render: (changes, context) => renderByBootScript(rules, changes, (id) => [clearRule(id)], context),
  conflicts: (world) => {
    const { site, home } = world;
    return ruleConflicts("home", homeHost.name, site, wantedHomeRules(world), home, (server) =>
      deviceOf(home, server),
    );
  },
};
