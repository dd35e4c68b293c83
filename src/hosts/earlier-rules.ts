import { contains4 } from "../inventory/addresses.js";
import { maxServers } from "../inventory/forwards.js";

/** Where ds4's rules are in the list of the host at home, two a server: behind mwan3's (1000 to 3000) and before netifd's. */
export function rulePriorities(slot: number): { readonly main: number; readonly table: number } {
  return { main: 4200 + 2 * slot, table: 4201 + 2 * slot };
}

/** The same for what a machine does of its own accord, where it is the server itself. */
export const ownPriorities = {
  uplink: rulePriorities(0).main - 1,
  sourceless: rulePriorities(maxServers),
  marked: rulePriorities(maxServers + 1),
} as const;

/** A routing rule that is asked before ds4's. */
export type EarlierRule = {
  /** As `ip rule` shows it. */
  readonly text: string;
  /** Whether it is asked about all that the server sends, and not only about packets that carry a mark. */
  readonly always: boolean;
};

/**
 * The rules of others before ds4's that can send the server's packets elsewhere: their table has a default
 * route, and they don't keep to other sources, targets or devices, or to what is bound to one. `text` is that of `ip rule`, with a line
 * `default TABLE` for each table that has a default route; `device` is where the server's packets come from.
 */
export function earlierRules(
  text: string,
  server: string,
  device: string | undefined,
): readonly EarlierRule[] {
  const lines = text.split("\n");
  const leaves = (table: string) => lines.includes(`default ${table}`);
  return lines.flatMap((line): EarlierRule[] => {
    const [, number, from = "", rest = ""] = /^(\d+):\s+from (\S+)\s*(.*?)\s*$/.exec(line) ?? [];
    const field = (name: string) => new RegExp(`(?:^| )${name} (\\S+)`).exec(rest)?.[1];
    const table = field("lookup");
    if (number === undefined || Number(number) >= rulePriorities(0).main || table === undefined) return [];
    if (!leaves(table) || ["suppress_prefixlength", "to", "oif"].some((name) => field(name) !== undefined))
      return [];
    if (from !== "all" && !contains4(from, server)) return [];
    if ((field("iif") ?? device) !== device) return [];
    const rule = `${number}: from ${from} ${rest.replace(/\s+proto\S* \S+/, "")}`;
    return [{ text: rule, always: field("fwmark") === undefined }];
  });
}
