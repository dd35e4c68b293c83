import { hostTitles } from "../../core/hosts.js";
import type { Section } from "../../core/script.js";
import {
  described,
  type LinuxFacts,
  type LinuxHost,
  linuxProbes,
  parseLinuxFacts,
  type SshAt,
} from "../linux/facts.js";

export const vpsHost: LinuxHost = { host: "vps", name: hostTitles.vps, machine: "the rented machine" };

/** What a VPS is and has, as far as ds4 decides by it. */
export type VpsFacts = LinuxFacts & {
  readonly socat: boolean;
  /** What an earlier run left with the VPS: it stays, whichever way ds4 comes in now. */
  readonly keptPorts: readonly SshAt[];
  /** The largest outer packet, in bytes, that was answered from the far end of a tunnel that is there. */
  readonly path: PathProbe | undefined;
};

export type PathProbe = { readonly answered: readonly number[]; readonly silent: readonly number[] };

export const vpsProbes = linuxProbes;

/** Makes sense of what `vpsProbes` printed. @throws HostError where a part can't be read. */
export function parseVpsFacts(sections: ReadonlyMap<string, Section>, path: PathProbe | undefined): VpsFacts {
  const facts = parseLinuxFacts(sections, vpsHost);
  const all = described(sections, vpsHost.name);
  // What the step for them prints: a line for each relay that runs, with its command.
  const running =
    sections.get("socat")?.stdout.matchAll(/^ds4-relay-\S+ .* (TCP|UDP)4-LISTEN:(\d+),bind=([\d.]+),/gm) ??
    [];
  const relays = [...running].map(
    ([, protocol = "", port, address]) => `${protocol.toLowerCase()} ${address} ${port}`,
  );
  return {
    ...facts,
    neighbours: {
      ...facts.neighbours,
      // ds4's own programs aren't in its way.
      services: facts.neighbours.services.filter(
        ({ program, protocol, address, port }) =>
          !(program === "socat" && relays.includes(`${protocol} ${address} ${port}`)),
      ),
    },
    socat: all("socat").includes("yes"),
    keptPorts: all("keep").map((line) => {
      const [address = "", port] = line.split(" ");
      return { address, port: Number(port) };
    }),
    path,
  };
}
