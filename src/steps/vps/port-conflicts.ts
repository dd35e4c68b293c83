import type { Conflict } from "../../core/step.js";
import { type Entrance, sshPorts } from "../../hosts/entrances.js";
import type { HomeFacts } from "../../hosts/home/facts.js";
import type { RouterFacts } from "../../hosts/router/facts.js";
import { servicesAt } from "../../hosts/vps/neighbour-notes.js";
import type { World } from "../../hosts/world.js";
import { overlap, showFlow } from "../../inventory/forwards.js";
import { protocolNumber, tcp } from "../../inventory/protocols.js";

/** Ports that the inventory names and that the VPS itself answers on: who asked for them would lose one or the other. */
export function portConflicts({
  site,
  design,
  vps,
  router,
  home,
}: Pick<World, "site" | "vps"> & {
  readonly design: { readonly entrances: readonly Entrance[] };
  readonly router?: Pick<RouterFacts, "way"> | undefined;
  readonly home?: Pick<HomeFacts, "way"> | undefined;
}): readonly Conflict[] {
  const way = router?.way ?? home?.way ?? [];
  // Of a port by which ds4 came in earlier, what listens tells whether SSH is still there.
  const sshNow = { ...vps, keptPorts: [] };
  return design.entrances.flatMap((entrance) => {
    const { publicIPv4, forwards } = entrance;
    const services = servicesAt(vps.neighbours, entrance).map(({ protocol, port, program }) => ({
      protocol: protocolNumber(protocol) ?? 0,
      port,
      program,
    }));
    const ssh = sshPorts(sshNow, way, design.entrances, entrance)
      .filter((port) => !services.some((service) => service.protocol === tcp && service.port === port))
      .map((port) => ({ protocol: tcp, port, program: "the SSH server" }));
    const where = design.entrances.length === 1 ? "" : ` of ${publicIPv4}`;
    return forwards.flatMap(({ flows, line }) =>
      flows
        .filter(({ ports }) => ports !== undefined)
        .flatMap((flow) =>
          [...services, ...ssh]
            .filter(({ protocol, port }) => overlap(flow, { protocol, ports: [port, port] }))
            .map(({ protocol, port, program }): Conflict => {
              const who = program === "" ? "something" : program;
              return {
                host: "vps",
                message: `${who} on the VPS listens on ${showFlow({ protocol, ports: [port, port] })}${where}, which '${showFlow(flow)}' asks for (${site.file}:${line})`,
                hint: `take it out of 'forward:', forward another port to it ('${showFlow({ protocol, ports: [freePort(port), freePort(port)], to: port })}'), or have ${who} listen on another one${where === "" ? "" : ", on another address"} or on IPv6 alone`,
              };
            }),
        ),
    );
  });
}

/** A port that reads like `port`, for an example. */
const freePort = (port: number) => (port < 10_000 ? 10_000 + port : port - 10_000);
