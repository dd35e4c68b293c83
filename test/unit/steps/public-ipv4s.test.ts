import { describe, expect, it } from "vitest";
import { HostError } from "../../../src/core/errors.js";
import type { RouterFacts } from "../../../src/hosts/router/facts.js";
import { parseSite } from "../../../src/inventory/load.js";
import { attempts } from "../../../src/proof/attempts.js";
import { readVisitor, visitorProbe } from "../../../src/proof/visitor.js";
import { nftFile } from "../../../src/steps/router/nftables.js";
import { chains } from "../../../src/steps/vps/chains.js";
import { portConflicts } from "../../../src/steps/vps/port-conflicts.js";
import { address, link, lo, vps, world } from "../world.js";

const [first, second] = ["192.168.1.210", "192.168.1.211"];
const [one, two] = ["203.0.113.144", "203.0.113.145"];
const links = [
  lo,
  link("eth0", { addresses: [address(`${one}/24`), address(`${two}/24`), address("2001:db8:1::10/64")] }),
];

/** A VPS with two public IPv4s, and the traffic of each to a server of its own. */
function home(ofFirst: string, ofSecond: string, found = links, router: Partial<RouterFacts> = {}) {
  const text = `vps: { ssh: a, publicIPv4: ${one} }
router: { ssh: b }
forward:
  - { server: ${first}, traffic: ${ofFirst} }
  - { server: ${second}, traffic: ${ofSecond}, publicIPv4: ${two} }
`;
  return world({ site: parseSite(text, "inventory/home.yaml"), vps: { links: found }, router });
}
const rulesOf = (made: ReturnType<typeof world>, chain: string) => chains.desired(made).get("ipv4")?.[chain];

describe("several public IPv4s", () => {
  const made = home("all", "[tcp/443, icmp]");

  it("each lead home by rules of their own, and SSH stays where any port goes", () => {
    expect(rulesOf(made, "nat DS4-PREROUTING")).toEqual([
      `-d ${one}/32 -i eth0 -p tcp -m tcp --dport 22 -j RETURN`,
      `-d ${one}/32 -i eth0 -j DNAT --to-destination ${first}`,
      `-d ${two}/32 -i eth0 -p tcp -m tcp --dport 443 -j DNAT --to-destination ${second}`,
      `-d ${two}/32 -i eth0 -p icmp -j DNAT --to-destination ${second}`,
    ]);
    expect(made.design.notes).toEqual([`TCP port 22 of ${one} stays with the VPS, for SSH`]);
    expect(home("tcp/443", "all").design.notes).toEqual([
      `TCP port 22 of ${two} stays with the VPS, for SSH`,
    ]);
  });

  it("each keep a way in that leads by them, such as a reverse tunnel's port", () => {
    const way = [{ address: two, port: 2222 }];
    const { design, ...rest } = home("tcp/443", "all", links, { way });
    expect(design.keepPorts).toEqual([22, 2222]);
    expect(rulesOf({ design, ...rest }, "nat DS4-PREROUTING")).toContain(
      `-d ${two}/32 -i eth0 -p tcp -m tcp --dport 2222 -j RETURN`,
    );
  });

  it("are those of what their servers begin", () => {
    expect(rulesOf(made, "nat DS4-POSTROUTING")).toEqual([
      `-s ${first}/32 -o eth0 -j SNAT --to-source ${one}`,
      `-s ${second}/32 -o eth0 -j SNAT --to-source ${two}`,
    ]);
  });

  it("have one tunnel, whose ends the first one makes", () => {
    expect(made.design.local).toBe("2001:db8:1:0:203:0:113:144");
  });

  it("are known to the router, each with what leads home by it", () => {
    const file = nftFile(made) ?? "";
    expect(file).toContain(`iifname "br-lan" ip daddr ${one} jump ds4_hairpin comment`);
    expect(file).toContain(`iifname "br-lan" ip daddr ${two} jump ds4_hairpin_2 comment`);
    expect(file).toMatch(/chain ds4_hairpin_2 \{\n\ttcp dport 443 dnat ip to 192\.168\.1\.211 /);
    expect(file).toContain(
      `ct original ip daddr ${two} ip saddr 192.168.1.0/24 ip daddr ${second} masquerade`,
    );
    expect(file).toContain(
      `ct original ip daddr ${one} ip saddr 192.168.1.0/24 ip daddr ${first} masquerade`,
    );
  });

  it("are each tried by the visitor, also on the same port", () => {
    expect(attempts(made.site, made.design)).toMatchObject([
      { server: first, publicIPv4: one, ping: true, ports: [443, 80] },
      { server: second, publicIPv4: two, ping: true, ports: [443] },
    ]);
    const { script } = visitorProbe(made.site, made.design);
    for (const to of [one, two]) {
      expect(script).toContain(`ip -n ds4-visitor route add ${to}/32`);
      expect(script).toContain(`/dev/tcp/"${to}"/$p`);
    }
    const seen = readVisitor(
      { code: 0, stdout: `tcp ${second} 443 open\nanswered small ${first}\n` },
      made.site,
      made.design,
    );
    expect(seen.tcp).toEqual([{ server: second, port: 443, answer: "open" }]);
    expect([...seen.small]).toEqual([first]);
  });

  it("are looked at one by one for what listens on them", () => {
    const services = [{ protocol: "tcp" as const, address: two, port: 443, program: "nginx" }];
    const conflicts = ({ site, design }: ReturnType<typeof world>) =>
      portConflicts({ site, design, vps: { ...vps, neighbours: { ...vps.neighbours, services } } }).map(
        ({ message }) => message,
      );
    expect(conflicts(home("tcp/443", "tcp/25"))).toEqual([]);
    expect(conflicts(made)).toEqual([
      "nginx on the VPS listens on tcp/443, which 'tcp/443' asks for (inventory/home.yaml:5)",
    ]);
  });

  it("that the VPS hasn't got are refused with the line, and with what it has", () => {
    const lost = [lo, link("eth0", { addresses: [address(`${one}/24`), address("2001:db8:1::10/64")] })];
    const refused = () => home("all", "all", lost);
    expect(refused).toThrow(HostError);
    expect(refused).toThrow(`the VPS has no ${two} on eth0, which inventory/home.yaml:5 names`);
  });
});
