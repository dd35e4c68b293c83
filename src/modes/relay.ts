import { usedEntrances } from "../hosts/entrances.js";
import { makeRelayDesign } from "../hosts/relay-design.js";
import { relayProof } from "../proof/relay.js";
import { relaySteps } from "../steps/index.js";
import { conflictsOf, desiredOf, type Mode } from "./mode.js";

/** A program on the VPS for each port, which passes it on to the server's IPv6 address: nothing at home is changed. */
export const relay: Mode = {
  measures: false,
  design: (site, facts) => {
    const design = makeRelayDesign(site, facts.vps);
    const world = { site, ...facts, design };
    const count = design.relays.length;
    return {
      publicIPv4: design.publicIPv4,
      uplinkIPv4: design.uplinkIPv4,
      entrances: usedEntrances(design.entrances),
      way: `${count} relay${count === 1 ? "" : "s"} on the VPS`,
      notes: design.notes,
      desired: { vps: desiredOf(relaySteps, world) },
      conflicts: conflictsOf(relaySteps, world),
      proof: relayProof(design),
    };
  },
};
