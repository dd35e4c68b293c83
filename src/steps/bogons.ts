/**
 * IPv4 ranges that no host on the internet has (IANA's special-purpose registry, RFC 6890; multicast and reserved as
 * one), in ascending order. Documentation (192.0.2.0/24 and the like) and benchmarks (198.18.0.0/15) aren't among
 * them: ds4's examples and its own probes live there.
 */
export const bogons: readonly string[] = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.168.0.0/16",
  "224.0.0.0/3",
];
