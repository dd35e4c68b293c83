import { describe, expect, it } from "vitest";
import { makeRelayDesign } from "../../../src/hosts/relay-design.js";
import { parseSite } from "../../../src/inventory/load.js";
import { relayProof } from "../../../src/proof/relay.js";
import { runScript, shells } from "../../shells.js";
import { vps } from "../world.js";

const site = parseSite(
  'mode: relay\nvps: { ssh: vps }\nforward: [{ server: "2001:db8:100::210", traffic: [tcp/80, tcp/2222 -> 22, udp/9000] }]\n',
  "home.yaml",
);
const proof = relayProof(makeRelayDesign(site, vps));

/** What is judged of these lines of the visitor's; `name: proved` each, with the one that failed as it is. */
function judge(...lines: readonly string[]) {
  const section = { stdout: `${lines.join("\n")}\n`, code: 0 };
  const { proofs } = proof.judge({ visitor: section, counters: undefined, vendor: "" });
  return {
    names: proofs.map(({ name, proved }) => `${name}: ${proved}`),
    failed: proofs.find(({ proved }) => proved === false),
    open: proofs.find(({ name }) => name === "other ports")?.seen,
  };
}

const sent = "sent 203.0.113.144:9000 1";
const relayed = "relayed 203.0.113.144:80 [2001:db8:100::210]:80";

describe("what a visitor of a relay has seen", () => {
  it("proves it where the process that served it has a connection home", () => {
    expect(
      judge(
        "accepted 203.0.113.144:80",
        "direct 203.0.113.144:80 open",
        relayed,
        "relayed 203.0.113.144:2222 [2001:db8:100::210]:22",
        sent,
      ),
    ).toEqual({
      names: ["answer: true", "datagrams: true"],
      failed: undefined,
      open: undefined,
    });
  });

  it("or where it was given something to read", () => {
    expect(
      judge(
        "accepted 203.0.113.144:2222",
        "data 203.0.113.144:2222",
        "accepted 203.0.113.144:80",
        "direct 203.0.113.144:80 Connection refused",
        sent,
      ),
    ).toEqual({
      names: ["answer: true", "datagrams: true", "other ports: undefined"],
      failed: undefined,
      open: "set up, and not seen to be answered: tcp/80 to [2001:db8:100::210]:80 (Connection refused)",
    });
  });

  it.each([
    [
      "nobody at home",
      ["accepted 203.0.113.144:80", "direct 203.0.113.144:80 Connection timed out"],
      /doesn't answer the VPS \(Connection timed out\)/,
      /is 2001:db8:100::210 on/,
    ],
    [
      "a refusal, which may be the router's",
      ["accepted 203.0.113.144:80", "direct 203.0.113.144:80 Connection refused"],
      /refuses the VPS's connections/,
      /A firewall refuses in the server's name/,
    ],
    [
      "a name without an address",
      ["accepted 203.0.113.144:80", "direct 203.0.113.144:80 Name or service not known"],
      /finds no IPv6 address/,
      /getent ahostsv6/,
    ],
    [
      "a relay that connects to nobody",
      ["accepted 203.0.113.144:80", "direct 203.0.113.144:80 open"],
      /took the visitor's connection to tcp\/80, and made none/,
      /journalctl -u ds4-relay-tcp-80.service/,
    ],
    [
      "a relay that nobody gets at",
      ["direct 203.0.113.144:80 open"],
      /got no connection to 203\.0\.113\.144:80/,
      /systemctl status ds4-relay-tcp-80.service/,
    ],
    ["nothing at all", [], /no answer/, /let TCP 80 to it in by IPv6/],
  ])("isn't enough with %s, though socat took the connection", (_, lines, seen, hint) => {
    const { names, failed } = judge(...lines, sent);
    expect(names.slice(0, 2)).toEqual(["answer: false", "datagrams: true"]);
    expect(failed?.seen).toMatch(seen);
    expect(failed?.hint).toMatch(hint);
  });

  it("isn't enough where its datagram stayed on the VPS", () => {
    expect(judge(relayed, "sent 203.0.113.144:9000 0").failed?.seen).toContain(
      "did not leave the VPS for [2001:db8:100::210]:9000",
    );
    expect(judge(relayed, "sent 203.0.113.144:9000 ").failed?.name).toBe("datagrams");
  });

  it("is nothing where it could not be there", () => {
    expect(judge("missing there is no 'tc' on the VPS").failed?.seen).toContain("there is no 'tc'");
  });
});

for (const shell of shells) {
  it.skipIf(shell.missing)(`the visitor's script is one that ${shell.name} understands`, () => {
    expect(runScript(shell, proof.visitor.script, "-n")).toEqual({ stdout: "", stderr: "", code: 0 });
  });
}
