import type { Conflict } from "../../core/step.js";
import { type Design, sshPorts } from "../../hosts/design.js";
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
  readonly design: Pick<Design, "entrances">;
  readonly router?: Pick<RouterFacts, "way"> | undefined;
  readonly home?: Pick<HomeFacts, "way"> | undefined;
}): readonly Conflict[] {
  const ssh = sshPorts(vps, router?.way ?? home?.way ?? [], design.entrances).map((port) => ({
    protocol: tcp,
    port,
    program: "the SSH server",
  }));
  return design.entrances.flatMap((entrance) => {
    const services = servicesAt(vps.neighbours, entrance).map(({ protocol, port, program }) => ({
      protocol: protocolNumber(protocol) ?? 0,
      port,
      program,
    }));
    const listening = [
      ...services,
      ...ssh.filter(({ port }) => !services.some((other) => other.protocol === tcp && other.port === port)),
    ];
    return entrance.forwards.flatMap(({ flows, line }) =>
      flows
        .filter(({ ports }) => ports !== undefined)
        .flatMap((flow) =>
          listening
            .filter(({ protocol, port }) => overlap(flow, { protocol, ports: [port, port] }))
            .map(({ protocol, port, program }): Conflict => {
              const who = program === "" ? "something" : program;
              return {
                host: "vps",
                message: `${who} on the VPS listens on ${showFlow({ protocol, ports: [port, port] })}, which '${showFlow(flow)}' asks for (${site.file}:${line})`,
                hint: `take it out of 'forward:', forward another port to it ('${showFlow({ protocol, ports: [freePort(port), freePort(port)], to: port })}'), or have ${who} listen on another one or on IPv6 alone`,
              };
            }),
        ),
    );
  });
}

/** A port that reads like `port`, for an example. */
const freePort = (port: number) => (port < 10_000 ? 10_000 + port : port - 10_000);
