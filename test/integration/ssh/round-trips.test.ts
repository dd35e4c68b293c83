import { type AddressInfo, connect as connectTcp, createServer } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { connect } from "../../../src/ssh/connect.js";
import { ed25519, makeHome, publicBlob, startServer } from "./test-server.js";

const ONE_WAY_MS = 100;
const PIECES_MS = 10;

type Wire = { readonly port: number; turns: number };

/**
 * A wire to `port`, so long that what is sent together arrives together. It counts its turns: how often the client
 * says something after it has heard something. That is a round trip each, however slow this machine is.
 */
async function startWire(port: number): Promise<Wire> {
  const wire = { port: 0, turns: 0 };
  let heard = true;
  const server = createServer((near) => {
    const far = connectTcp(port, "127.0.0.1");
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      let sent: Buffer[] = [];
      from.on("data", (data) => {
        if (from === near && heard) wire.turns++;
        if (from === near) heard = false;
        // Where ssh2 has no native part, it sends a message in pieces: they are together, too.
        if (sent.push(data) > 1) return;
        setTimeout(() => {
          const together = Buffer.concat(sent);
          sent = [];
          setTimeout(() => {
            if (to === near) heard = true;
            if (to.writable) to.write(together);
          }, ONE_WAY_MS);
        }, PIECES_MS);
      });
      from.on("close", () => setTimeout(() => to.destroy(), PIECES_MS + ONE_WAY_MS));
      from.on("error", () => {});
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  onTestFinished(() => {
    server.close();
  });
  wire.port = (server.address() as AddressInfo).port;
  return wire;
}

it("takes few round trips", async () => {
  const [key, hostKey] = [ed25519(), ed25519()];
  const server = await startServer({
    hostKeys: [hostKey],
    authenticate: (context) => context.method === "publickey" && publicBlob(key).equals(context.key.data),
  });
  const wire = await startWire(server.port);
  const { options, write } = makeHome(
    `Host vps\n  HostName 127.0.0.1\n  Port ${wire.port}\n  StrictHostKeyChecking no\n`,
  );
  write("id_ed25519", key.private);
  const turns = async (work: () => Promise<unknown>) => {
    const before = wire.turns;
    await work();
    return wire.turns - before;
  };

  const shell = await connect("vps", { ...options, expectedRuns: 3 });
  const connecting = wire.turns;
  const first = await turns(() => shell.run("true"));
  const second = await turns(() => shell.run("true"));
  const third = await turns(() => shell.run("true"));
  // The connection to the wire itself costs nothing here: one more on a real one. Then: greeting, key exchange
  // (2), the service, asking for the key, signing (ssh does the same, and asks for "none" before).
  expect({ connecting, first, second, third }).toEqual({ connecting: 6, first: 3, second: 1, third: 1 });
  await shell.close();

  // A host that waits for another one's lock has its shells by then.
  const waiting = await connect("vps", { ...options, expectedRuns: 1 });
  await new Promise((resolve) => setTimeout(resolve, 6 * ONE_WAY_MS));
  expect(await turns(() => waiting.run("true"))).toBe(1);
  await waiting.close();
});
