import { HostError } from "../../core/errors.js";
import { whyNotGlobal6 } from "../../inventory/addresses.js";
import type { PersistBy } from "../../inventory/site.js";
import { deriveEndpoint } from "../endpoint.js";
import type { HostAddress, LinuxFacts, LinuxHost } from "./facts.js";

/** Where the tunnel ends on a Linux host. */
export type End = {
  readonly device: string;
  readonly address: string;
  /** Whether ds4 adds the address, or it is one that the host has anyway. */
  readonly own: boolean;
};

/**
 * Finds the end: the address that is named, or the public IPv4 inside the uplink's /64, or the uplink's own one.
 * @throws HostError where there is no IPv6 that it could be made of; `advice` says what to do about that.
 */
export function findEnd(
  facts: LinuxFacts,
  host: LinuxHost,
  wanted: { readonly device: string | undefined; readonly endpoint: string | undefined },
  publicIPv4: string,
  notes: string[],
  advice: string,
): End {
  const { endpoint } = wanted;
  const { device, global, primary } = findIPv6(
    facts,
    host,
    wanted.device,
    `the tunnel needs IPv6: ${advice}`,
  );
  if (endpoint !== undefined && endpoint !== "primary") {
    return { device, address: endpoint, own: !global.some(({ address }) => address === endpoint) };
  }
  const roomy = global.find(({ prefixLength }) => prefixLength <= 64);
  if (endpoint === "primary" || roomy === undefined) {
    if (roomy === undefined) {
      notes.push(
        `the ${host.name} has only the address ${primary.address}/${primary.prefixLength}: the tunnel ends there`,
      );
    }
    return { device, address: primary.address, own: false };
  }
  return { device, address: deriveEndpoint(roomy.address, publicIPv4), own: true };
}

/**
 * The device that has a host's IPv6, and its addresses. @throws HostError where there are none; `advice` says what to
 * do about that.
 */
export function findIPv6(
  facts: LinuxFacts,
  host: LinuxHost,
  device: string | undefined,
  advice: string,
): {
  readonly device: string;
  readonly global: readonly HostAddress[];
  readonly primary: HostAddress;
} {
  const link = facts.links.find(({ name }) => name === device);
  const global = usable(facts, device);
  const primary = global[0];
  if (device === undefined || link === undefined || primary === undefined) {
    throw new HostError(
      device === undefined
        ? `the ${host.name} has no IPv6 default route`
        : link === undefined
          ? `the ${host.name} has no interface ${device}`
          : `the ${host.name} has no global IPv6 address on ${device}`,
      {
        hint:
          device !== undefined && link === undefined
            ? `it has ${facts.links.map(({ name }) => name).join(", ")}; check '${host.host}: { uplink: … }'`
            : `${advice}, then check with 'ping -6'`,
      },
    );
  }
  checkDevice(device, host);
  return { device, global, primary };
}

/** The global IPv6 addresses of a device that are its own and meant to last, the best one first. */
export function usable({ links, owned }: LinuxFacts, device: string | undefined) {
  const all = links.find(({ name }) => name === device)?.addresses ?? [];
  return all.filter(
    ({ family, address, global, deprecated, temporary }) =>
      family === 6 &&
      global &&
      whyNotGlobal6(address) === undefined &&
      !deprecated &&
      !temporary &&
      !(owned?.tunnel?.ownLocal && owned.tunnel.local === address),
  );
}

/** Names of devices get into files and rules as they are. @throws HostError */
export function checkDevice(device: string, { name }: LinuxHost): void {
  if (/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}$/.test(device)) return;
  throw new HostError(`the ${name}'s uplink has a name that ds4 can't work with: ${JSON.stringify(device)}`, {
    hint: "give the interface a name of letters, digits, _ . and -, such as eth0",
  });
}

/** What brings it all back at boot. @throws HostError where the host doesn't have it. */
export function findPersist(
  { ifupdown, systemd }: LinuxFacts,
  { host, name }: LinuxHost,
  wanted: PersistBy = "systemd",
): PersistBy {
  if (wanted === "ifupdown" && !ifupdown.readsFolder) {
    throw new HostError(`/etc/network/interfaces on the ${name} doesn't read /etc/network/interfaces.d`, {
      hint: "add the line 'source /etc/network/interfaces.d/*' to it, or leave 'persist: ifupdown' out",
    });
  }
  if (wanted === "systemd" && !systemd) {
    throw new HostError(`the ${name} doesn't run systemd`, {
      hint: `with ifupdown, say '${host}: { persist: ifupdown }'`,
    });
  }
  return wanted;
}
