import { HostError } from "../../core/errors.js";
import type { Peer } from "../../core/shell.js";
import { whyNotGlobal6 } from "../../inventory/addresses.js";
import { showFlow } from "../../inventory/forwards.js";
import { homeSendersOf, type RouterEntry, type Site, sendersOf, serversOf } from "../../inventory/site.js";
import { type Design, makeDesign, numberServers } from "../design.js";
import { earlierRules } from "../earlier-rules.js";
import { deriveEndpoint } from "../endpoint.js";
import type { VpsFacts } from "../vps/facts.js";
import { networkOf, type RouterFacts, type RouterInterface } from "./facts.js";
import { findHairpin, type Hairpin, isLongMove } from "./hairpin.js";

/** The same where an OpenWrt router ends the tunnel. */
export type RouterDesign = Design & {
  readonly wanZone: string;
  readonly lanZone: string;
  /** How the router takes LAN hosts that use the public IPv4 to the servers; undefined where they go by the VPS. */
  readonly hairpin: Hairpin | undefined;
};

const isGlobal6 = (address: string) => whyNotGlobal6(address) === undefined;

/**
 * Works out a design. `others` are the ways by which the laptop came to the hosts at home that aren't its end.
 * @throws HostError where a host lacks what it takes, with what to do about it.
 */
export function makeRouterDesign(
  site: Site,
  vps: VpsFacts,
  router: RouterFacts,
  others: readonly Peer[] = [],
): RouterDesign {
  const entry = site.router;
  if (entry === undefined) throw new Error("a site without a router");
  const { design, side } = makeDesign(site, vps, "router", (publicIPv4, notes) => {
    const gateway = findGateway(entry, router);
    if (homeSendersOf(site).length > 0 && !router.rules.includes("default main")) {
      notes.push("the router has no IPv4 default route: with 'egress: isp', a server has no way out by IPv4");
    }
    const zones = findZones(site, entry, router, gateway.uplink);
    notes.push(...redirectNotes(site, router, zones.lanZone));
    return {
      remote: entry.endpoint ?? deriveEndpoint(gateway.prefix, publicIPv4),
      ...zones,
      hairpin: chooseHairpin(site, router, zones.lanZone, notes),
      mtu: router.mtus.get(gateway.uplink.device ?? "") ?? 1500,
      ways: [...(router.way ?? []), ...others],
      slots: numberServers(site, slotsOf(router)),
      earlierRules: serversOf(site).flatMap((server) =>
        earlierRules(router.rules, server, networkOf(router, server)?.device),
      ),
    };
  });
  const { wanZone, lanZone, hairpin } = side;
  return { ...design, wanZone, lanZone, hairpin };
}

/** The router's own port forwards to a server whose answers leave by the tunnel. */
function redirectNotes(site: Site, { firewall }: RouterFacts, lanZone: string): readonly string[] {
  const found = firewall.flatMap(({ type, name, options: { src, dest_ip, enabled = "1", ...rest } }) =>
    type === "redirect" && enabled !== "0" && src !== lanZone && sendersOf(site).includes(String(dest_ip))
      ? [String(rest.name ?? name)]
      : [],
  );
  if (found.length === 0) return [];
  return [
    `the router's own port forwards to a server of ds4's (${found.join(", ")}) get no answers any more: with 'egress: vps', these leave by the tunnel; 'egress: isp' leaves them alone`,
  ];
}

/** How LAN hosts that use the public IPv4 get to the servers, with what is to be known of it in `notes`. */
function chooseHairpin(
  site: Site,
  router: RouterFacts,
  lanZone: string,
  notes: string[],
): Hairpin | undefined {
  if (site.hairpin === "vps") return undefined;
  const hairpin = findHairpin(router, serversOf(site), lanZone);
  const long = site.forwards.flatMap(({ flows }) => flows.filter(isLongMove)).map(showFlow);
  if (hairpin === undefined) {
    notes.push(
      `the router's firewall zone ${lanZone} forwards nothing among its own hosts: those that use a public IPv4 of the site go by the VPS`,
    );
  } else if (long.length > 0) {
    notes.push(
      `hosts of the LAN reach ${long.join(", ")} by way of the VPS: more than 1,024 ports can't be moved on the router`,
    );
  }
  return hairpin;
}

function findGateway(entry: RouterEntry, router: RouterFacts): { uplink: RouterInterface; prefix: string } {
  const named = entry.uplink;
  const uplink =
    named === undefined
      ? (router.interfaces.find((one) => one.up && one.defaultRoute6 && one.prefixes.length > 0) ??
        router.interfaces.find((one) => one.up && one.defaultRoute6))
      : router.interfaces.find(({ name }) => name === named);
  if (uplink === undefined) {
    throw new HostError(
      named === undefined ? "the router has no IPv6 default route" : `the router has no interface ${named}`,
      {
        hint:
          named === undefined
            ? "check its IPv6 uplink (usually 'wan6') in LuCI under Network > Interfaces"
            : `it has ${router.interfaces.map(({ name }) => name).join(", ")}; check 'router: { uplink: … }'`,
      },
    );
  }
  const prefix =
    uplink.prefixes.find(({ address, mask }) => isGlobal6(address) && mask <= 64) ??
    router.interfaces
      .flatMap(({ prefixes }) => prefixes)
      .find(({ address, mask }) => isGlobal6(address) && mask <= 64);
  if (prefix === undefined && entry.endpoint === undefined) {
    throw new HostError(`the router has no IPv6 prefix of its own: ${uplink.name} got none delegated`, {
      hint: `ask for one ('uci set network.${uplink.name}.reqprefix=auto'), check the provider's modem in front of it, or name an address of the router with 'router: { endpoint: … }'`,
    });
  }
  return { uplink, prefix: prefix?.address ?? "" };
}

function findLan(site: Site, router: RouterFacts, server: string): RouterInterface {
  const lan = networkOf(router, server);
  if (lan === undefined) {
    const networks = router.interfaces
      .filter(({ name }) => name !== "loopback")
      .flatMap(({ name, ipv4 }) => ipv4.map(({ address, mask }) => `${name} ${address}/${mask}`));
    throw new HostError(`the server ${server} is in none of the router's networks (${networks.join(", ")})`, {
      hint: `check 'server: …' in ${site.file}`,
    });
  }
  if (lan.ipv4.some(({ address }) => address === server)) {
    throw new HostError(`${server} is the router itself, not a server behind it`, {
      hint: `put the home server's address into 'server: …' in ${site.file}`,
    });
  }
  return lan;
}

function findZones(site: Site, entry: RouterEntry, router: RouterFacts, uplink: RouterInterface) {
  const zone = (one: RouterInterface, given: string | undefined, key: string) => {
    if (given !== undefined) {
      if (router.zones.some(({ name }) => name === given)) return given;
    } else {
      const of = (names: readonly string[]) =>
        router.zones.find(
          ({ networks, devices }) =>
            networks.some((network) => names.includes(network)) || devices.includes(one.device ?? ""),
        );
      // What PPP makes by itself (`wan_6`) is in no zone by its name: it is in that of its device's interface.
      const sameDevice = router.interfaces.filter(
        ({ device }) => device !== undefined && device === one.device,
      );
      const found = of([one.name]) ?? of(sameDevice.map(({ name }) => name));
      if (found) return found.name;
    }
    throw new HostError(
      given === undefined
        ? `the router's interface ${one.name} is in no firewall zone`
        : `the router has no firewall zone '${given}'`,
      {
        hint: `it has ${router.zones.map(({ name }) => name).join(", ")}; name one with 'router: { zones: { ${key}: … } }'`,
      },
    );
  };
  const lanZones = serversOf(site).map((server) =>
    zone(findLan(site, router, server), entry.zones.lan, "lan"),
  );
  const [lanZone = ""] = lanZones;
  if (lanZones.some((other) => other !== lanZone)) {
    throw new HostError(
      `the servers are in different firewall zones of the router: ${[...new Set(lanZones)].join(", ")}`,
      { hint: "put them into networks of one zone; ds4 lets the tunnel into one" },
    );
  }
  return { lanZone, wanZone: zone(uplink, entry.zones.wan, "wan") };
}

/** The numbers that servers have on the router, by their rules. */
function slotsOf({ network }: RouterFacts): ReadonlyMap<string, number> {
  return new Map(
    network.flatMap(({ name, options }): [string, number][] => {
      const number = /^ds4_rule_main(?:_(\d+))?$/.exec(name);
      return number ? [[String(options.src).replace(/\/32$/, ""), Number(number[1] ?? 1) - 1]] : [];
    }),
  );
}
