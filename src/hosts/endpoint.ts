import { Address6 } from "ip-address";

/**
 * The IPv6 address that carries an IPv4 one readably: the first 64 bits of `prefix`, then the four numbers as they
 * are written. `deriveEndpoint("2001:db8:1::10", "203.0.113.144")` is `2001:db8:1:0:203:0:113:144`, canonical.
 */
export function deriveEndpoint(prefix: string, ipv4: string): string {
  const network = new Address6(prefix).canonicalForm().split(":").slice(0, 4);
  return new Address6([...network, ...ipv4.split(".")].join(":")).correctForm();
}
