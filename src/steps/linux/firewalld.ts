import type { State } from "../../core/state.js";
import type { Conflict } from "../../core/step.js";
import type { World } from "../../hosts/world.js";
import { fileState, parseFiles, probeFiles, renderFiles } from "../files.js";
import { bootScriptPath, type LinuxStep } from "./boot.js";
import { restoreChains } from "./flushers.js";
import type { Role } from "./role.js";

const xml = (lines: readonly string[]) =>
  fileState(
    `${['<?xml version="1.0" encoding="utf-8"?>', "<!-- Written by ds4. -->", ...lines].join("\n")}\n`,
    "644",
  );

/** A zone for the tunnel, and what may go through it (firewalld.zone(5), firewalld.policy(5)). */
export const zoneFiles = ({ site }: World): readonly (readonly [string, State])[] => [
  [
    "/etc/firewalld/zones/ds4.xml",
    xml([
      "<zone>",
      "  <description>ds4's tunnel. To the machine itself nothing comes out of it.</description>",
      `  <interface name="${site.tunnel.name}"/>`,
      "</zone>",
    ]),
  ],
  [
    "/etc/firewalld/policies/ds4-out.xml",
    xml([
      '<policy target="ACCEPT">',
      "  <description>What the home server sends out; ds4's own rules let nothing else pass.</description>",
      '  <ingress-zone name="ds4"/>',
      '  <egress-zone name="ANY"/>',
      "</policy>",
    ]),
  ],
];

/** The file about what may come in to the machine itself. */
export function policyIn(description: string, rules: readonly string[]): readonly [string, State] {
  return [
    "/etc/firewalld/policies/ds4-in.xml",
    xml([
      '<policy target="CONTINUE">',
      `  <description>${description}</description>`,
      '  <ingress-zone name="ANY"/>',
      '  <egress-zone name="HOST"/>',
      ...rules,
      "</policy>",
    ]),
  ];
}

/** The outer packets may come in. */
function outerFile<W extends World>(role: Role<W>, world: W): readonly [string, State] {
  const { address, peer } = role.end(world);
  return policyIn("The outer packets of ds4's tunnel.", [
    '  <rule family="ipv6">',
    `    <source address="${peer}"/>`,
    `    <destination address="${address}"/>`,
    '    <protocol value="4"/>',
    "    <accept/>",
    "  </rule>",
  ]);
}

/** It takes away everybody's rules of iptables, too: ds4's are brought back where they were there. */
const reload = `if systemctl -q is-active firewalld; then
  had=; ! iptables-save 2>/dev/null | grep -q '^:DS4-' || had=1
  firewall-cmd -q --reload
  [ -z "$had" ] || [ ! -x ${bootScriptPath} ] || ${restoreChains(["ipv6", "ipv4", "relay"])}
fi`;

/**
 * firewalld rejects what it doesn't know in a table of its own, whatever iptables accepts. Visitors' connections pass
 * it, as everything does that was turned over (`ct status dnat`); the tunnel's packets and the server's own
 * connections need these (seen on 1.3.3).
 */
export function firewalldStep<W extends World>(
  role: Role<W>,
  more: {
    /** What else than the outer packets has to be let through. */
    files(world: W): readonly (readonly [string, State])[];
    conflicts?(world: W): readonly Conflict[];
  },
): LinuxStep<W> {
  return {
    name: "firewalld",
    layer: "configured",
    desired: (world) =>
      new Map(
        role.facts(world).neighbours.firewalld.installed
          ? [...more.files(world), outerFile(role, world)]
          : [],
      ),
    probe: () => probeFiles(["/etc/firewalld/zones/ds4.xml", "/etc/firewalld/policies/ds4-*.xml"]),
    parse: parseFiles,
    render: (changes, context) => {
      context.finally(reload);
      return renderFiles(changes, context);
    },
    ...(more.conflicts && { conflicts: more.conflicts }),
  };
}
