import { contains4 } from "../../inventory/addresses.js";

/** Whose jump it is, and which packets ds4's rules there are about. */
export type Place = {
  readonly hook: string;
  /** Where the jump leads. */
  readonly chain: string;
  readonly devices: readonly string[];
  /** The IPv4 sources in POSTROUTING. */
  readonly servers: readonly string[];
};

/** The rules of any chain of the same table, each without its `-A CHAIN`; undefined for what is no chain. */
export type RulesOf = (chain: string) => readonly string[] | undefined;

/**
 * Where the jump to an own chain is. `first` is also one behind rules that don't touch what ds4's rules are about:
 * Docker, fail2ban and others put theirs at the top anew whenever they start. A jump with a condition doesn't count.
 */
export function placeOf(place: Place, rulesOf: RulesOf): string {
  const rules = rulesOf(place.hook) ?? [];
  const at = rules.flatMap((rule, index) => (rule === `-j ${place.chain}` ? [index] : []));
  if (at.length === 0) return "missing";
  const before = rules.slice(0, at[0]);
  return at.length === 1 && before.every((rule) => isAside(rule, place, rulesOf))
    ? "first"
    : `at ${at.map((index) => index + 1).join(" and ")}`;
}

/** Targets after which the next rule is due all the same. */
const passing = /^(RETURN|LOG|NFLOG|MARK|CONNMARK|ACCT)$/;

/** Whether no packet that ds4's rules are about ends at this rule, or in the chain that it leads to. */
function isAside(rule: string, place: Place, rulesOf: RulesOf, depth = 0): boolean {
  const devices = [...rule.matchAll(/(?<!! )-[io] (\S+)/g)].map((match) => match[1] ?? "");
  if (devices.some((name) => !name.endsWith("+") && !place.devices.includes(name))) return true;
  const source = /(?:^|[^!] )-s (\S+)/.exec(rule)?.[1];
  if (place.hook === "POSTROUTING" && source && !place.servers.some((server) => contains4(source, server)))
    return true;
  const target = / ?-[jg] (\S+)/.exec(rule)?.[1] ?? "";
  // Without a target, a rule only counts.
  if (target === "" || passing.test(target)) return true;
  // Somebody's own marks, as Tailscale's: ds4's packets have none of them.
  if (/(^|[^!] )-m mark --mark 0x[0-9a-f]*[1-9a-f]/.test(rule)) return true;
  if (place.hook === "INPUT" && /^(REJECT|DROP)$/.test(target)) return isBan(rule);
  // Tailscale's: its own device, and the one UDP port by which it is reached from anywhere.
  if (target === "ts-input") return true;
  const chain = rulesOf(target);
  return (
    chain !== undefined && depth < 4 && chain.every((inner) => isAside(inner, place, rulesOf, depth + 1))
  );
}

/** To the VPS itself ds4 lets nothing else through, so what shuts an address or a service out may stand before. */
function isBan(rule: string): boolean {
  return (
    /(^|[^!] )(-s \S|-m set --match-set \S+ src\b)/.test(rule) ||
    /(^|[^!] )-p (tcp|udp|icmp|ipv6-icmp)\b/.test(rule)
  );
}
