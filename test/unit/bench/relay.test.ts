import { describe, expect, it } from "vitest";
import { relayScript } from "../../../src/bench/relay.js";
import { runScript, shells } from "../../shells.js";

const to = { listen: "203.0.113.144", port: 443, seconds: 60, run: "1a2b" };

describe("the relay of a measurement", () => {
  it.each(shells.filter(({ missing }) => !missing))("is a script that $name understands", (shell) => {
    for (const server of ["2001:db8:100::210", "home.example"]) {
      // -n: reads it all and runs nothing.
      const { stderr, code } = runScript(shell, relayScript({ ...to, server }), "-n");
      expect({ stderr, code }).toEqual({ stderr: "", code: 0 });
    }
  });

  it("leads to the server's address or name, as socat writes it", () => {
    expect(relayScript({ ...to, server: "2001:db8:100::210" })).toContain("'TCP6:[2001:db8:100::210]:443'");
    expect(relayScript({ ...to, server: "home.example" })).toContain("TCP6:home.example:443");
  });

  it("ends by itself, and takes away what it made however it ends", () => {
    const script = relayScript({ ...to, server: "home.example" });
    expect(script).toContain("[ $n -lt 60 ]");
    const made = [...script.matchAll(/iptables (-w[^|;&]*)-I ([^;&]*\S)(?= &&|;)/g)].map(
      ([, table, rule]) => `iptables ${table}-D ${rule}`,
    );
    expect(made).toHaveLength(2);
    const clean = script.slice(script.indexOf("clean() {"), script.indexOf("trap clean EXIT"));
    for (const removal of made) expect(clean).toContain(removal);
  });
});
