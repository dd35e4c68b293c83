/**
 * What ds4 wrote down on a host about its own things, in `/etc/ds4/site`: it says what is ds4's to change and to
 * remove, also to a ds4 that runs from another laptop.
 */
export type Owned = {
  readonly site: string;
  readonly tunnel: string;
  /** This host's end of the tunnel. */
  readonly local: string;
  /** Whether `local` is an address that ds4 added, and not one that the host has anyway. */
  readonly ownLocal: boolean;
  readonly remote: string;
  readonly server: string;
  /** Bytes. */
  readonly mtu: number;
  readonly table: number;
};

const keys = ["site", "tunnel", "local", "own", "remote", "server", "mtu", "table"] as const;

/** The file's text: one `key=value` a line. */
export function renderOwned(owned: Owned): string {
  return `# Written by ds4: what it keeps on this machine. 'ds4 teardown' removes it all.\n${keys
    .map((key) => `${key}=${key === "own" ? (owned.ownLocal ? "yes" : "no") : owned[key]}\n`)
    .join("")}`;
}

/** Reads the file's text; undefined where something is missing, as in a file that was edited or cut short. */
export function parseOwned(text: string): Owned | undefined {
  const found = new Map(
    text.split("\n").flatMap((line) => {
      const match = /^([a-z]+)=(.*)$/.exec(line);
      return match ? [[match[1] ?? "", match[2] ?? ""] as const] : [];
    }),
  );
  if (!keys.every((key) => found.has(key))) return undefined;
  const value = (key: (typeof keys)[number]) => found.get(key) ?? "";
  return {
    site: value("site"),
    tunnel: value("tunnel"),
    local: value("local"),
    ownLocal: value("own") === "yes",
    remote: value("remote"),
    server: value("server"),
    mtu: Number(value("mtu")),
    table: Number(value("table")),
  };
}
