/**
 * What is known of providers whose firewall stands in front of a VPS, by what the machine's firmware says
 * (sys_vendor and chassis_asset_tag in /sys/class/dmi/id; Oracle's virtual machines have QEMU as their vendor, and
 * OracleCloud.com as their tag): whether it can let IPv6 packets with next header 4 in, and where.
 */
const known: readonly (readonly [vendor: RegExp, advice: string])[] = [
  [
    /hetzner/i,
    "Hetzner Cloud's firewall can't let protocol 4 in: take this server out of it (Firewalls > Resources), and let ds4's own rules guard it",
  ],
  [
    /amazon|ec2/i,
    "on AWS, add an inbound rule to the instance's security group: type 'Custom protocol', protocol 4, source the home's IPv6 address; and ICMPv6 type 2",
  ],
  [
    /google/i,
    "on Google Cloud, add a VPC firewall rule: ingress, protocol 'ipip' (4), source the home's IPv6 address",
  ],
  [
    /oracle/i,
    "on Oracle Cloud, add an ingress rule to the security list: IP protocol 4, source the home's IPv6 address",
  ],
  [/microsoft/i, "on Azure, no network security group lets protocol 4 in over IPv6: ds4 can't work there"],
];

/** What to do where protocol 4 doesn't reach this VPS. */
export function adviceFor(vendor: string): string {
  return (
    known.find(([pattern]) => pattern.test(vendor))?.[1] ??
    "look in the provider's panel for a firewall or security group of the VPS, and let IPv6 protocol 4 (IPv4 in IPv6) in from the home's address, or take the VPS out of it"
  );
}
