/**
 * What ds4 wrote down on a host about its own things, in `/etc/ds4/site`: it says what is ds4's to change and to
 * remove, also to a ds4 that runs from another laptop.
 */
export type Owned = {
  readonly site: string;
  /** Absent where it is a relay. */
  readonly tunnel?: OwnedTunnel;
};

export type OwnedTunnel = {
  readonly name: string;
  /** What ends it at home: the inventory may name another one by now. */
  readonly atHome: "router" | "home";
  /** This host's end of the tunnel. */
  readonly local: string;
  /** Whether `local` is an address that ds4 added, and not one that the host has anyway. */
  readonly ownLocal: boolean;
  readonly remote: string;
  /** At least one. */
  readonly servers: readonly string[];
  /** Bytes. */
  readonly mtu: number;
  readonly table: number;
};

/** What each value looks like. What doesn't is nothing that ds4 wrote: a host may say anything. */
const forms = {
  site: /^[\p{L}\p{N}_][\p{L}\p{M}\p{N}_. -]{0,63}$/u,
  // A router isn't named.
  end: /^(home)?$/,
  tunnel: /^[A-Za-z][A-Za-z0-9_-]{0,14}$/,
  local: /^[0-9a-f:]{2,39}$/,
  own: /^(yes|no)$/,
  remote: /^[0-9a-f:]{2,39}$/,
  server: /^[0-9]{1,3}(\.[0-9]{1,3}){3}(,[0-9]{1,3}(\.[0-9]{1,3}){3})*$/,
  mtu: /^[0-9]{1,5}$/,
  table: /^[0-9]{1,10}$/,
} as const;
const keys = Object.keys(forms) as (keyof typeof forms)[];

/** The file's text: one `key=value` a line. */
export function renderOwned({ site, tunnel }: Owned): string {
  const values: Readonly<Record<string, string | number>> =
    tunnel === undefined
      ? { site, mode: "relay" }
      : {
          site,
          ...(tunnel.atHome === "home" ? { end: "home" } : {}),
          tunnel: tunnel.name,
          local: tunnel.local,
          own: tunnel.ownLocal ? "yes" : "no",
          remote: tunnel.remote,
          server: tunnel.servers.join(","),
          mtu: tunnel.mtu,
          table: tunnel.table,
        };
  return `# Written by ds4: what it keeps on this machine. 'ds4 teardown' removes it all.\n${Object.entries(
    values,
  )
    .map(([key, value]) => `${key}=${value}\n`)
    .join("")}`;
}

/** Reads the file's text; undefined where something is missing or strange, as in a file that was edited or cut short. */
export function parseOwned(text: string): Owned | undefined {
  const found = new Map(
    text.split("\n").flatMap((line) => {
      const match = /^([a-z]+)=(.*)$/.exec(line);
      return match ? [[match[1] ?? "", match[2] ?? ""] as const] : [];
    }),
  );
  const value = (key: (typeof keys)[number]) => found.get(key) ?? "";
  const fits = (key: (typeof keys)[number]) => forms[key].test(value(key));
  if (found.get("mode") === "relay") return fits("site") ? { site: value("site") } : undefined;
  if (!keys.every(fits)) return undefined;
  return {
    site: value("site"),
    tunnel: {
      name: value("tunnel"),
      atHome: value("end") === "home" ? "home" : "router",
      local: value("local"),
      ownLocal: value("own") === "yes",
      remote: value("remote"),
      servers: value("server").split(","),
      mtu: Number(value("mtu")),
      table: Number(value("table")),
    },
  };
}
