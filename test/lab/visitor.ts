import { createHash } from "node:crypto";
import { expect } from "vitest";
import { background, mode, must, on, viaTunnel } from "./machines.js";

export const publicIPv4 = "203.0.113.144";
export const server = "192.168.1.210";
export const client = "198.51.100.220";
/** The address from which the home's other machines come, by the provider's AFTR. */
export const aftr = "192.0.2.1";

const home = `${mode.scheme ?? "http"}://${publicIPv4}/`;

/** The address that a server saw, asked for over HTTP. */
async function seenBy(machine: string, url: string): Promise<string> {
  const body = await must(machine, `curl -sSk -4 -m 15 ${url}`);
  return /^address (\S+)$/m.exec(body)?.[1] ?? body;
}

/** The machines at home that a request for a URL got to, by their logs, and the address that it was seen with. */
export async function request(machine: string, url: string) {
  const names = ["server", "lan2"] as const;
  const counts = async () =>
    (
      await must(
        "world",
        `cd /var/log/lab; for n in ${names.join(" ")}; do wc -l <$n.log || echo 0; done 2>/dev/null`,
      )
    ).split("\n");
  const before = await counts();
  const { stdout } = await on(machine, `curl -sSk -4 -m 10 ${url}`);
  const after = await counts();
  return {
    seenAs: /^address (\S+)$/m.exec(stdout)?.[1],
    reached: names.filter((_, at) => before[at] !== after[at]),
  };
}

/** By a relay, it is the VPS that the home server sees. */
export const relayed = "2001:db8:1::10";
const visitor = viaTunnel ? client : relayed;

/** A visitor reaches the home server by TCP, and is seen with its own address or, by a relay, as the VPS. */
export async function expectPath(): Promise<void> {
  expect(await seenBy("client", home)).toBe(visitor);
}

/** TCP, UDP and, through a tunnel, ping and SCTP: each arrives, and with the right address. */
export async function expectEveryProtocol(): Promise<void> {
  await expectPath();
  const udp = await must("client", `(echo hello; sleep 2) | ncat -u -w 3 ${publicIPv4} 9000`);
  expect(udp).toMatch(new RegExp(`^${visitor} \\d+ hello`));
  if (!viaTunnel) return;
  // Without ds4, the VPS would answer itself.
  const inEchos = `awk '$1 == "Icmp:" { if (n) print $n; for (i = 2; i <= NF; i++) if ($i == "InEchos") n = i }' /proc/net/snmp`;
  const echoes = async () => Number(await must("server", inEchos));
  const before = await echoes();
  await must("client", `ping -c 2 -W 5 ${publicIPv4}`);
  expect((await echoes()) - before).toBeGreaterThanOrEqual(2);
  const sctp = await must("client", `(echo; sleep 2) | ncat --sctp -w 5 ${publicIPv4} 9000`);
  expect(sctp).toMatch(new RegExp(`^${client} \\d+`));
}

/** Pings by a visitor ten times a second until `stop`: how many were answered, and the numbers of those that never were. */
export function pinging(): { stop(): Promise<{ answered: number; lost: readonly number[] }> } {
  const pings = background("client", `ping -n -i 0.1 ${publicIPv4}`);
  return {
    stop: async () => {
      const answered = [...(await pings.stop()).matchAll(/ icmp_seq=(\d+) ttl=/g)].map(([, n]) => Number(n));
      // The last ones may be on their way yet.
      const sent = Array.from({ length: Math.max(0, ...answered) }, (_, at) => at + 1);
      return { answered: answered.length, lost: sent.filter((number) => !answered.includes(number)) };
    },
  };
}

/** No visitor gets an answer from the home server. */
export async function expectNoPath(): Promise<void> {
  const { stdout, stderr, code } = await on("client", `curl -sSk -4 -m 4 ${home}`);
  expect(stdout).not.toContain("address");
  // Refused, unreachable or silent: it was curl that said so.
  expect([7, 28], stderr).toContain(code);
}

/** A first write of 1,900 bytes, as of a TLS hello with post-quantum keys, up to 50 MB in one piece, and 5 MB the other way. */
export async function expectLargeTransfers(megabytes: number): Promise<void> {
  const posted = await must(
    "client",
    `head -c 1900 /dev/zero | curl -sS -m 30 --data-binary @- http://${publicIPv4}/`,
  );
  expect(posted).toContain("bytes 1900\n");
  const bytes = `${megabytes}000000`;
  const first = `head -c ${bytes}`;
  const got = `curl -sS -m 240 http://${publicIPv4}/50m 2>/dev/null | ${first} | sha256sum`;
  expect(await must("client", got)).toBe(await must("server", `${first} /srv/lab/50m | sha256sum`));
  const five = Buffer.alloc(5_000_000);
  const sent = `head -c ${five.length} /dev/zero | curl -sS -m 240 --data-binary @- http://${publicIPv4}/`;
  const hash = createHash("sha256").update(five).digest("hex");
  expect(await must("client", sent)).toContain(`bytes ${five.length}\nsha256 ${hash}`);
}

/** From where the home's own machines come, as the visitor's machine sees it when they connect to it. */
export async function expectWaysOut(serverBy: "vps" | "provider"): Promise<void> {
  expect(await seenBy("server", `http://${client}/`)).toBe(serverBy === "vps" ? publicIPv4 : aftr);
  expect(await seenBy("lan2", `http://${client}/`)).toBe(aftr);
}
