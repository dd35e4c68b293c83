import { type AddressInfo, connect as connectTcp, createServer } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { connect } from "../../../src/ssh/connect.js";
import { ed25519, makeHome, publicBlob, startServer } from "./test-server.js";

const ONE_WAY_MS = 100;

/** A wire to `port` that is so long that all else takes no time: what is measured is round trips. */
async function startWire(port: number): Promise<number> {
  const server = createServer((near) => {
    const far = connectTcp(port, "127.0.0.1");
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on("data", (data) => setTimeout(() => to.writable && to.write(data), ONE_WAY_MS));
      from.on("close", () => setTimeout(() => to.destroy(), ONE_WAY_MS));
      from.on("error", () => {});
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  onTestFinished(() => {
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

it("takes few round trips", { retry: 2 }, async () => {
  const [key, hostKey] = [ed25519(), ed25519()];
  const server = await startServer({
    hostKeys: [hostKey],
    authenticate: (context) => context.method === "publickey" && publicBlob(key).equals(context.key.data),
  });
  const port = await startWire(server.port);
  const { options, write } = makeHome(
    `Host vps\n  HostName 127.0.0.1\n  Port ${port}\n  StrictHostKeyChecking no\n`,
  );
  write("id_ed25519", key.private);
  const timed = async <T>(work: () => Promise<T>) => {
    const started = performance.now();
    const result = await work();
    return { result, roundTrips: (performance.now() - started) / (2 * ONE_WAY_MS) };
  };

  const connecting = await timed(() => connect("vps", { ...options, expectedRuns: 3 }));
  const shell = connecting.result;
  const first = await timed(() => shell.run("true"));
  const second = await timed(() => shell.run("true"));
  const third = await timed(() => shell.run("true"));
  const closing = await timed(() => shell.close());
  // The connection to the wire itself costs nothing here: one more on a real one. Then: greeting, key exchange
  // (2), the service, asking for the key, signing (ssh does the same, and asks for "none" before).
  expect(connecting.roundTrips).toBeLessThan(5.9);
  expect(first.roundTrips).toBeLessThan(3.9); // the channel, the shell, the script
  expect(second.roundTrips).toBeLessThan(1.9); // the script
  expect(third.roundTrips).toBeLessThan(1.9);
  expect(closing.roundTrips).toBeLessThan(0.5);
});
