/** A site's hosts, in the order in which they are locked. */
export const hostNames = ["vps", "router", "home"] as const;
export type HostName = (typeof hostNames)[number];

/** What each is called in a sentence. */
export const hostTitles: Readonly<Record<HostName, string>> = {
  vps: "VPS",
  router: "router",
  home: "home machine",
};

/** Something for each host of a site: the VPS always, and the one at home where the site has one. */
export type PerHost<T> = { readonly vps: T } & Readonly<Partial<Record<HostName, T>>>;

/** The hosts that are there, with what is there for each. */
export function hostEntries<T>(all: PerHost<T>): readonly (readonly [HostName, T])[] {
  return hostNames.flatMap((host) => {
    const value = all[host];
    return value === undefined ? [] : [[host, value] as const];
  });
}

/** The same for each host, made into something else. */
export function mapHosts<T, R>(all: PerHost<T>, make: (value: T, host: HostName) => R): PerHost<R> {
  return Object.fromEntries(hostEntries(all).map(([host, value]) => [host, make(value, host)])) as PerHost<R>;
}

/** Does something on all hosts at once, and waits until each is done. Rejects with the first host's failure. */
export async function onHosts<T, R>(
  all: PerHost<T>,
  work: (value: T, host: HostName) => Promise<R>,
): Promise<PerHost<R>> {
  const running = mapHosts(all, work);
  await Promise.allSettled(hostEntries(running).map(([, one]) => one));
  const done = await Promise.all(hostEntries(running).map(async ([host, one]) => [host, await one] as const));
  return Object.fromEntries(done) as PerHost<R>;
}

/** A site's hosts as the subject of a sentence. */
export function inWords(hosts: readonly HostName[]) {
  return hosts.length > 1
    ? {
        all: hosts.length > 2 ? "all hosts" : "both hosts",
        pronoun: hosts.length > 2 ? "all" : "both",
        verb: (_one: string, many: string) => many,
        those: hosts.length > 2 ? "the hosts" : "the two hosts",
        themselves: "themselves",
      }
    : {
        all: `the ${hostTitles[hosts[0] ?? "vps"]}`,
        pronoun: "it",
        verb: (one: string, _many: string) => one,
        those: `the ${hostTitles[hosts[0] ?? "vps"]}`,
        themselves: "itself",
      };
}
