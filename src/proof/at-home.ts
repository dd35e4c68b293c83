import type { Section } from "../core/script.js";
import type { HomeDesign } from "../hosts/home/design.js";
import type { RouterDesign } from "../hosts/router/design.js";
import type { Site } from "../inventory/site.js";
import { homeWitnessProbe, readHomeWitness, zeroCounters } from "./home-witness.js";
import type { Counters } from "./path-proof.js";
import { readWitness, removeWitness, witnessLines, witnessProbe } from "./router-witness.js";
import type { WitnessSeen } from "./witness.js";

/** What the proof needs of whatever ends the tunnel at home: counters there, and words for it. */
export type AtHome = Counters & {
  /** @throws HostError where the counters can't be read. */
  read(section: Section | undefined): WitnessSeen;
  readonly words: HomeWords;
};

/** What is said of it where packets stop: its name, and what to do for each place. */
export type HomeWords = {
  readonly name: string;
  /** Why protocol 4 may not come this far, when it left the VPS. */
  readonly dropped: string;
  /** Where one sees why it isn't taken out of the tunnel, and why it doesn't come from there to the server. */
  readonly notTaken: string;
  readonly lost: string;
  /** What the server has to have. */
  readonly gateway: string;
};

/** Takes away what a proof may have left on the host. */
export const stopCounting = { vps: [], router: [removeWitness], home: [] } as const;

/** The OpenWrt router. */
export function atRouter(site: Site, design: RouterDesign): AtHome {
  return {
    host: "router",
    arm: witnessLines(site, design),
    probe: witnessProbe,
    read: (section) => readWitness(section, design),
    words: {
      name: "router",
      dropped: "a firewall on the home side drops it (a provider's modem in front of the router)",
      notTaken: `'ip -6 tunnel show' and 'nft list chain inet fw4 input_${design.wanZone}' on the router show why`,
      lost: "it was lost in the router's firewall: another rule there, or another table ('nft list ruleset'), drops what comes out of the tunnel",
      gateway: "is the router its gateway",
    },
  };
}

/** The Linux machine. */
export function atLinux(site: Site, design: HomeDesign): AtHome {
  return {
    host: "home",
    arm: [zeroCounters],
    probe: homeWitnessProbe,
    read: (section) => readHomeWitness(section, site, design),
    words: {
      name: "home machine",
      dropped: `the home's own router drops it: it has to let IPv6 protocol 4 through, from ${design.local} to ${design.remote} and back (in its settings an IPv6 firewall rule, or an 'exposed host'${design.home.ownRemote ? "; where it opens only the machine's own address, say 'home: { endpoint: primary }'" : ""})`,
      notTaken: "'ip -6 tunnel show' and 'ip6tables -S' on the home machine show why",
      lost: "it was lost on the home machine: another rule there drops what comes out of the tunnel ('iptables-save', 'nft list ruleset')",
      gateway:
        design.home.behind.length > 0 ? "is the home machine its gateway" : "does something listen there",
    },
  };
}
