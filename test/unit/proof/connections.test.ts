import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { quote } from "../../../src/core/script.js";
import { readConnections, routerConnections } from "../../../src/proof/connections.js";
import { runScript, shells, title } from "../../shells.js";
import { router, site } from "../world.js";

const folder = mkdtempSync(join(tmpdir(), "ds4-connections-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What the two programs that a router may have as `ip` print for the same routes (recorded on 24.10.5). */
const iproute2 = {
  main: "default via 192.0.2.1 dev eth1 proto static src 192.0.2.7 metric 10 \n192.168.1.0/24 dev br-lan proto kernel scope link src 192.168.1.1 \nunreachable 10.0.0.0/8 dev lo proto static\n",
  get: "198.18.0.1 from 192.168.1.209 via 192.0.2.1 dev eth1 \n    cache iif br-lan \n",
};
const busybox = {
  main: "default via 192.0.2.1 dev eth1  src 192.0.2.7  metric 10 \n192.168.1.0/24 dev br-lan scope link  src 192.168.1.1 \nunreachable 10.0.0.0/8 dev lo\n",
  get: "198.18.0.1 from 192.168.1.209 via 192.0.2.1 dev eth1  iif br-lan\n    cache \n",
};

for (const shell of shells) {
  describe.skipIf(shell.missing)(title(shell, "a router's own connections"), () => {
    const seen = ({ main, get }: typeof busybox) => {
      writeFileSync(
        join(folder, "ip"),
        `#!/bin/sh\ncase $* in *"table main") printf %s ${quote(main)} ;; "route get"*) printf %s ${quote(get)} ;; esac\n`,
        { mode: 0o755 },
      );
      const { script } = routerConnections(site, router, { publicIPv4: "203.0.113.144" });
      const { stdout, stderr } = runScript(shell, `PATH=${quote(folder)}:$PATH\n${script}`);
      expect(stderr).toBe("");
      return Object.fromEntries(readConnections({ stdout, code: 0 }));
    };

    it("are the same by BusyBox's ip, and by the one that ds4 installs in the change", () => {
      expect(seen(busybox)).toEqual(seen(iproute2));
      expect(seen(busybox)).toEqual({
        "main routes":
          "192.168.1.0/24 dev br-lan;default via 192.0.2.1 dev eth1;unreachable 10.0.0.0/8 dev lo;",
        "way out of 192.168.1.209": "198.18.0.1 via 192.0.2.1 dev eth1",
      });
    });

    it("differ where a route does", () => {
      const [main = "", get = ""] = [iproute2.main, iproute2.get].map((text) =>
        text.replace("eth1", "wrap1"),
      );
      expect(seen({ main, get: iproute2.get })).not.toEqual(seen(iproute2));
      expect(seen({ main: iproute2.main, get })).not.toEqual(seen(iproute2));
    });
  });
}
