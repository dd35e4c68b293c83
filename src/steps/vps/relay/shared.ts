import { renderOwned } from "../../../core/owned.js";
import type { Items } from "../../../core/state.js";
import type { World } from "../../../hosts/world.js";
import type { PortRange } from "../../../inventory/forwards.js";
import type { Relay } from "../../../inventory/relays.js";
import { fileState } from "../../files.js";
import { bootScript, bootScriptPath, type LinuxStep } from "../../linux/boot.js";
import { chainItems } from "../../linux/chains.js";
import { dropConflictsFor } from "../../linux/drop-policies.js";
import { policyIn } from "../../linux/firewalld.js";
import { flusherFiles } from "../../linux/flushers.js";
import { basePackages, packageItems } from "../../linux/packages.js";
import { bootUnit } from "../../linux/persistence.js";
import { groups, chains as tunnelChains } from "../chains.js";
import { portConflicts } from "../port-conflicts.js";
import { vpsRole } from "../role.js";
import * as tunnel from "../steps.js";
import type { RelayStep, RelayWorld } from "./step.js";

/** A step that a tunnel has, too, with what a relay wants of it. */
function asRelay(step: LinuxStep<World>, own: Pick<RelayStep, "desired" | "conflicts">): RelayStep {
  const { conflicts: _, ...rest } = step;
  return { ...rest, ...own };
}

export const packages = asRelay(tunnel.packages, {
  desired: ({ vps }) => {
    const socat = !vps.socat || vps.ownPackages.includes("socat");
    return packageItems([...basePackages(vps, vpsRole), ...(socat ? ["socat"] : [])]);
  },
});

/** One chain before all others' rules, which accepts exactly what is relayed. */
function accepting({ design }: RelayWorld): Items {
  const accepts = design.relays.map(
    ({ protocol, port, uplinkIPv4 }) =>
      `-d ${uplinkIPv4}/32 -i ${design.uplink} -p ${protocol} -m ${protocol} --dport ${port} -j ACCEPT`,
  );
  return chainItems(groups, { relay: { "filter INPUT": accepts } });
}

export const chains = asRelay(tunnelChains, {
  desired: accepting,
  conflicts: (world) => [...barriers(world), ...portConflicts(world)],
});

/** Base chains of others that let visitors to some relay not through. */
function barriers({ vps, design }: RelayWorld) {
  return dropConflictsFor(vpsRole, vps, { input: "ip" }, (_, accepts) =>
    design.entrances.flatMap(({ uplinkIPv4 }) =>
      (["tcp", "udp"] as const).flatMap((protocol) => {
        const open = accepts
          .filter((rule) => !isForAnother(rule, uplinkIPv4, design))
          .flatMap((rule) => portsOf(rule, protocol));
        const shut = design.relays.filter(
          (relay) =>
            relay.uplinkIPv4 === uplinkIPv4 &&
            relay.protocol === protocol &&
            !open.some(([first, last]) => first <= relay.port && relay.port <= last),
        );
        const ports = shut.map(({ port }) => port);
        return ports.length === 0
          ? []
          : [
              `ip daddr ${uplinkIPv4} ${protocol} dport { ${ports.join(", ")} } accept`.replaceAll(
                /[{}]/g,
                "'$&'",
              ),
            ];
      }),
    ),
  );
}

/** Whether a rule of nftables is about another public IPv4 of the site's alone. */
function isForAnother(rule: string, address: string, { entrances }: RelayWorld["design"]): boolean {
  const [, named] = /\bip daddr ([\d.]+)(?: |$)/.exec(rule) ?? [];
  return named !== address && entrances.some(({ uplinkIPv4 }) => uplinkIPv4 === named);
}

/** The ports that a rule of nftables is about: \`tcp dport 443\`, \`tcp dport { 443, 8000-8100 }\`. */
function portsOf(rule: string, protocol: Relay["protocol"]): readonly PortRange[] {
  const list = new RegExp(`\\b${protocol} dport (?:\\{ ([^}]*) \\}|([\\d-]+))`).exec(rule);
  return (list?.[1] ?? list?.[2] ?? "").split(",").flatMap((part): PortRange[] => {
    const [, first, last = first] = /^ *(\d+)(?:-(\d+))? *$/.exec(part) ?? [];
    return first === undefined ? [] : [[Number(first), Number(last)]];
  });
}

/** What makes the rules last: the same boot script and unit as a tunnel's, with less in it. */
export const persistence = asRelay(tunnel.persistence, {
  desired: (world) =>
    new Map([
      ["/etc/ds4/site", fileState(renderOwned({ site: world.site.name }))],
      [bootScriptPath, fileState(bootScript(world.site.name, [[tunnelChains, accepting(world)]]), "700")],
      bootUnit(vpsRole),
      ...flusherFiles(["relay"]),
    ]),
});

export const firewalld = asRelay(tunnel.firewalld, {
  desired: ({ vps, design }) =>
    new Map(
      vps.neighbours.firewalld.installed
        ? [
            policyIn(
              "The ports that ds4 relays.",
              design.relays.flatMap(({ protocol, port, uplinkIPv4 }) => [
                '  <rule family="ipv4">',
                `    <destination address="${uplinkIPv4}"/>`,
                `    <port port="${port}" protocol="${protocol}"/>`,
                "    <accept/>",
                "  </rule>",
              ]),
            ),
          ]
        : [],
    ),
});

export const unit = asRelay(tunnel.unit, {
  desired: () => new Map([["ds4.service", { enabled: true, active: true }]]),
});
