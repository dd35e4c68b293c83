import { Address6 } from "ip-address";

/**
 * The IPv6 address that carries an IPv4 one readably: the first 64 bits of `prefix`, then the four numbers as they
 * are written. `deriveEndpoint("2001:db8:1::10", "203.0.113.144")` is `2001:db8:1:0:203:0:113:144`, canonical.
 */
export function deriveEndpoint(prefix: string, ipv4: string): string {
  const network = new Address6(prefix).canonicalForm().split(":").slice(0, 4);
  return new Address6([...network, ...ipv4.split(".")].join(":")).correctForm();
}

/** Whether an IPv6 address reads as `deriveEndpoint` makes them. */
export function isDerived(address: string): boolean {
  const words = new Address6(address).canonicalForm().split(":").slice(4);
  // No IPv4 address begins with 0: `::53` is none of those.
  return words.every((word) => /^0\d{3}$/.test(word) && Number(word) <= 255) && Number(words[0]) > 0;
}
