import { describe, expect, it } from "vitest";
import { earlierRules } from "../../../src/hosts/earlier-rules.js";

const server = "192.168.1.210";
const texts = (rules: string) =>
  earlierRules(rules, server, "br-lan").map(({ text, always }) => `${always ? "always" : "by mark"} ${text}`);

describe("routing rules of others that come before ds4's", () => {
  const tables = "default main\ndefault 1\ndefault 77\n";

  it("are those that can send what the server sends elsewhere", () => {
    expect(texts(`900:\tfrom 192.168.1.0/24 lookup 77 proto static\n${tables}`)).toEqual([
      "always 900: from 192.168.1.0/24 lookup 77",
    ]);
    expect(texts(`2001:\tfrom all fwmark 0x100/0x3f00 lookup 1\n${tables}`)).toEqual([
      "by mark 2001: from all fwmark 0x100/0x3f00 lookup 1",
    ]);
    expect(texts(`500:\tfrom all iif br-lan lookup main\n${tables}`)).toEqual([
      "always 500: from all iif br-lan lookup main",
    ]);
  });

  it("aren't those of other sources, targets or devices, of tables without a default route, or behind ds4's", () => {
    const others = `0:	from all lookup local
900:	from 192.168.1.77 lookup 77
901:	from all to 10.0.0.0/8 lookup 77
1001:	from all iif eth1 lookup 1
1100:	from all lookup 99
1200:	from all lookup main suppress_prefixlength 0
2061:	from all fwmark 0x3d00/0x3f00 blackhole
4200:	from 192.168.1.210 lookup main suppress_prefixlength 0 proto static
4201:	from 192.168.1.210 lookup 42 proto static
30000:	from all fwmark 0x10000/0xff0000 lookup 1
32766:	from all lookup main
`;
    expect(texts(others + tables)).toEqual([]);
  });
});
