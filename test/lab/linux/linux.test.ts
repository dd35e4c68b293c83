import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ds4Json, lab, must, on, site, startApplied, startClean } from "../machines.js";
import { snapshotOf } from "../snapshot.js";
import { client, publicIPv4, server } from "../visitor.js";

const [local, remote] = ["2001:db8:1:0:203:0:113:144", "2001:db8:100:0:203:0:113:144"];

describe("a Linux machine at home", () => {
  describe("behind a provider that drops protocol 4", () => {
    beforeAll(startClean);
    afterAll(() => lab("link", "wan", "clear"));

    test("isn't left changed, and the error says what has to let it through", async () => {
      const before = await snapshotOf("home");
      await lab("link", "wan", "proto4", "drop");
      const { notes } = await ds4Json("plan", site);
      const { result, errors } = await ds4Json("apply", site, "--yes");
      expect(result).toBe("failed");
      expect(errors[0]?.message).toContain("Both hosts are back where they were.");
      expect(errors[0]?.message).toMatch(/VPS to the tunnel [1-9]\d*, home machine's uplink 0,/);
      const need = `has to let IPv6 protocol 4 through, from ${local} to ${remote} and back`;
      expect(errors[0]?.hint).toContain(`the home's own router drops it: it ${need}`);
      expect(notes).toContain(`the home's own router ${need}`);
      expect(await snapshotOf("home")).toBe(before);
    });
  });

  describe("that ends the tunnel", () => {
    beforeAll(startApplied);

    test("keeps its LAN, and what it begins beyond that leaves by the VPS", async () => {
      expect(await must("lan2", `curl -sS -m 10 http://${server}/`)).toContain("address 192.168.1.211");
      expect(await must("home", "curl -sS -m 10 http://192.168.1.211/")).toContain(`address ${server}`);
      expect(await must("home", `curl -sS -4 -m 10 http://${client}/`)).toContain(`address ${publicIPv4}`);
      await must("home", `ping -c 2 -W 5 ${client}`);
      expect(await must("home", "cat /proc/sys/net/ipv4/ip_forward")).toBe("0");
    });

    test("leaves what arrives to its own firewall", async () => {
      await must("home", "iptables -A INPUT -p tcp --dport 443 -j DROP");
      expect((await on("client", `ncat -z -w 3 ${publicIPv4} 443`)).code).not.toBe(0);
      await must("home", "iptables -D INPUT -p tcp --dport 443 -j DROP");
      await must("client", `ncat -z -w 5 ${publicIPv4} 443`);
    });
  });
});
