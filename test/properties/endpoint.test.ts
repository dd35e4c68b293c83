import fc from "fast-check";
import { Address6 } from "ip-address";
import { expect, it } from "vitest";
import { deriveEndpoint } from "../../src/hosts/endpoint.js";
import { canonicalIPv6 } from "../../src/inventory/addresses.js";

const groups = (address: string) => new Address6(address).canonicalForm().split(":");

it("a tunnel's end is canonical, in the /64 of its prefix, and shows the IPv4 in its text", () => {
  fc.assert(
    fc.property(fc.ipV6(), fc.ipV4(), (prefix, ipv4) => {
      const end = deriveEndpoint(prefix, ipv4);
      expect(canonicalIPv6(end)).toBe(end);
      expect(groups(end).slice(0, 4)).toEqual(groups(prefix).slice(0, 4));
      expect(
        groups(end)
          .slice(4)
          .map((part) => part.replace(/^0+(?=.)/, "")),
      ).toEqual(ipv4.split("."));
    }),
  );
});

it.each([
  ["2001:db8:1::10", "203.0.113.144", "2001:db8:1:0:203:0:113:144"],
  ["2001:db8:100::", "198.51.100.7", "2001:db8:100:0:198:51:100:7"],
  ["2001:db8:1:2:3:4:5:6", "192.0.2.1", "2001:db8:1:2:192:0:2:1"],
  ["2001:db8::", "203.0.0.144", "2001:db8::203:0:0:144"],
])("%s and %s make %s", (prefix, ipv4, end) => expect(deriveEndpoint(prefix, ipv4)).toBe(end));
