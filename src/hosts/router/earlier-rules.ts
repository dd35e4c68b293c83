import { contains4 } from "../../inventory/addresses.js";
import { networkOf, type RouterFacts } from "./facts.js";

/** Where ds4's rules are in the router's list, two a server: behind mwan3's (1000 to 3000) and before netifd's. */
export function rulePriorities(slot: number): { readonly main: number; readonly table: number } {
  return { main: 4200 + 2 * slot, table: 4201 + 2 * slot };
}

/** A routing rule that is asked before ds4's. */
export type EarlierRule = {
  /** As `ip rule` shows it. */
  readonly text: string;
  /** Whether it is asked about all that the server sends, and not only about packets that carry a mark. */
  readonly always: boolean;
};

/**
 * The rules of others before ds4's that can send the server's packets elsewhere: their table has a default
 * route, and they don't keep to other sources, targets or devices.
 */
export function earlierRules(router: RouterFacts, server: string): readonly EarlierRule[] {
  const lines = router.rules.split("\n");
  const lan = networkOf(router, server);
  const leaves = (table: string) => lines.includes(`default ${table}`);
  return lines.flatMap((line): EarlierRule[] => {
    const [, number, from = "", rest = ""] = /^(\d+):\s+from (\S+)\s*(.*?)\s*$/.exec(line) ?? [];
    const field = (name: string) => new RegExp(`(?:^| )${name} (\\S+)`).exec(rest)?.[1];
    const table = field("lookup");
    if (number === undefined || Number(number) >= rulePriorities(0).main || table === undefined) return [];
    if (!leaves(table) || field("suppress_prefixlength") !== undefined || field("to") !== undefined)
      return [];
    if (from !== "all" && !contains4(from, server)) return [];
    if ((field("iif") ?? lan?.device) !== lan?.device) return [];
    const text = `${number}: from ${from} ${rest.replace(/\s+proto\S* \S+/, "")}`;
    return [{ text, always: field("fwmark") === undefined }];
  });
}
