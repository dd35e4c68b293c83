/** IP protocols by their names in Debian's /etc/protocols. Newer iptables print most of them as numbers. */
export const protocols: Readonly<Record<string, number>> = {
  icmp: 1,
  igmp: 2,
  ggp: 3,
  ipencap: 4,
  st: 5,
  tcp: 6,
  egp: 8,
  igp: 9,
  pup: 12,
  udp: 17,
  hmp: 20,
  "xns-idp": 22,
  rdp: 27,
  "iso-tp4": 29,
  dccp: 33,
  xtp: 36,
  ddp: 37,
  "idpr-cmtp": 38,
  ipv6: 41,
  "ipv6-route": 43,
  "ipv6-frag": 44,
  idrp: 45,
  rsvp: 46,
  gre: 47,
  esp: 50,
  ah: 51,
  skip: 57,
  "ipv6-icmp": 58,
  "ipv6-nonxt": 59,
  "ipv6-opts": 60,
  rspf: 73,
  vmtp: 81,
  eigrp: 88,
  ospf: 89,
  "ax.25": 93,
  ipip: 94,
  etherip: 97,
  encap: 98,
  pim: 103,
  ipcomp: 108,
  vrrp: 112,
  l2tp: 115,
  isis: 124,
  sctp: 132,
  fc: 133,
  "mobility-header": 135,
  udplite: 136,
  "mpls-in-ip": 137,
  manet: 138,
  hip: 139,
  shim6: 140,
  wesp: 141,
  rohc: 142,
  ethernet: 143,
};

export const icmp = 1;
export const tcp = 6;
export const udp = 17;

/** A protocol's number by its name, or undefined. */
export function protocolNumber(name: string): number | undefined {
  return Object.hasOwn(protocols, name) ? protocols[name] : undefined;
}

/** What iptables and fw4 call a protocol in every version: the name of the usual ones, else the number. */
export function protocolWord(number: number): string {
  return [icmp, tcp, udp].includes(number) ? protocolName(number) : String(number);
}

/** A protocol's name or, where it has none, its number. */
export function protocolName(number: number): string {
  return Object.keys(protocols).find((name) => protocols[name] === number) ?? String(number);
}
