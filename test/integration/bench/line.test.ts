import { spawnSync } from "node:child_process";
import { createServer, type Server } from "node:http";
import { createSecureServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Load, lineScript, type Way } from "../../../src/bench/line.js";
import { runLine } from "../../../src/bench/run-line.js";

/** A home server on loopback. */
let server: Server;
let port = 0;
const asked: string[] = [];

beforeAll(async () => {
  server = createServer((request, response) => {
    let bytes = 0;
    request.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
    });
    request.on("end", () => {
      asked.push(`${request.method} ${request.headers.host} ${request.url} ${bytes}`);
      response.statusCode = request.url === "/gone" ? 404 : 200;
      response.end(request.url === "/large" ? Buffer.alloc(300_000) : "hello");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  port = (server.address() as AddressInfo).port;
});
afterAll(() => server.close());

const load: Load = {
  url: new URL("http://home.example/it's?a=1&b=$(id)"),
  download: new URL("http://home.example/large"),
  uploadBytes: 200_000,
  rounds: 2,
  each: 3,
  insecure: false,
};

const ways = (): readonly Way[] => [
  { name: "tunnel", address: "127.0.0.1", port, pings: true },
  { name: "relay", address: "127.0.0.1", port, pings: false },
];

describe("measuring a line", () => {
  it("goes through all ways in each round, and measures what was asked for", async () => {
    asked.length = 0;
    const { samples, misses } = await runLine("sh -s", ways(), load);
    expect(misses).toEqual([]);
    const counts = new Map<string, number>();
    for (const { way, round, metric, value } of samples) {
      const key = `${round} ${way} ${metric}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
      expect(value).toBeGreaterThan(0);
      expect(value).toBeLessThan(metric === "upload" || metric === "download" ? 1e12 : 10_000);
    }
    const kinds = ["request", "request8", "download", "upload"];
    const rounds = [1, 2].flatMap((round) => [
      ...["rtt", ...kinds].map((metric) => `${round} tunnel ${metric}`),
      ...kinds.map((metric) => `${round} relay ${metric}`),
    ]);
    expect([...counts]).toEqual(rounds.map((key) => [key, / (up|down)load$/.test(key) ? 1 : load.each]));
    // What a shell might take for its own gets there as it is.
    const small = `GET home.example /it's?a=1&b=$(id) 0`;
    expect(asked.filter((line) => line === small)).toHaveLength(2 * 2 * 2 * load.each);
    expect(asked.filter((line) => line === "GET home.example /large 0")).toHaveLength(4);
    expect(asked.filter((line) => line.endsWith(" 200000"))).toHaveLength(4);
    expect(asked).toHaveLength(2 * 2 * (2 * load.each + 2));
  });

  it("counts what is no answer, and measures the rest", async () => {
    const { samples, misses } = await runLine(
      "sh -s",
      [...ways(), { name: "ipv6", address: "::1", port: 1, pings: false }],
      { ...load, download: new URL("http://home.example/gone"), uploadBytes: 0, rounds: 1, each: 1 },
    );
    expect(samples.map(({ way, metric }) => `${way} ${metric}`)).toEqual([
      "tunnel rtt",
      "tunnel request",
      "tunnel request8",
      "relay request",
      "relay request8",
    ]);
    expect(misses.map(({ way, metric, reason }) => `${way} ${metric} ${reason}`)).toEqual([
      "tunnel download the server answered 404",
      "relay download the server answered 404",
      "ipv6 request curl ended with 7",
      "ipv6 request8 curl ended with 7",
      "ipv6 download curl ended with 7",
    ]);
  });

  it("leaves out the rest of a way's round where nothing gets through", async () => {
    const { samples, misses } = await runLine(
      "sh -s",
      [{ name: "ipv6", address: "::1", port: 1, pings: false }, ...ways()],
      { ...load, uploadBytes: 0, rounds: 1, each: 5 },
    );
    const count = (metric: string, said: RegExp) =>
      misses.filter((miss) => miss.metric === metric && said.test(miss.reason)).length;
    expect(count("request", /^curl ended with/)).toBe(3);
    expect(count("request", /^left out/)).toBe(2);
    expect(count("request8", /^left out/)).toBe(5);
    expect(count("download", /^left out/)).toBe(1);
    expect(misses).toHaveLength(11);
    // The other ways are gone through as ever.
    expect(samples.filter(({ metric }) => metric === "request8")).toHaveLength(2 * 5);
  });

  it("doesn't reach a way's name by the other kind of address", async () => {
    // `localhost` is both, and the server is at 127.0.0.1 alone.
    const at = { address: "localhost", port, pings: false };
    const { samples, misses } = await runLine(
      "sh -s",
      [
        { ...at, name: "ipv6" },
        { ...at, name: "tunnel" },
      ],
      { ...load, uploadBytes: 0, rounds: 1, each: 1 },
    );
    expect(new Set(samples.map(({ way }) => way))).toEqual(new Set(["tunnel"]));
    expect(new Set(misses.map(({ way }) => way))).toEqual(new Set(["ipv6"]));
  });

  const openssl = (...args: string[]) => spawnSync("openssl", args, { encoding: "utf8" });
  it.skipIf(openssl("version").error !== undefined)(
    "makes a connection for each request of a server that would share one (HTTP/2)",
    async () => {
      const { stdout: pem } = openssl(
        ...["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "-", "-subj", "/CN=home.example"],
      );
      let connections = 0;
      const secure = createSecureServer({ key: pem, cert: pem, allowHTTP1: true }, (_, response) =>
        response.end("hello"),
      ).on("secureConnection", () => {
        connections += 1;
      });
      await new Promise<void>((resolve) => secure.listen(0, "127.0.0.1", resolve));
      const way: Way = { ...ways()[1]!, port: (secure.address() as AddressInfo).port };
      const { misses } = await runLine("sh -s", [way], {
        ...load,
        url: new URL("https://home.example/"),
        download: undefined,
        uploadBytes: 0,
        rounds: 1,
        each: 20,
        insecure: true,
      });
      secure.close();
      expect(misses).toEqual([]);
      expect(connections).toBe(40);
    },
  );

  it("doesn't wait long for a connection that isn't made", () => {
    const script = lineScript(ways(), load);
    const curls = [...script.matchAll(/curl -q.*?--connect-to /g)].map(([options]) => options);
    expect(curls).toHaveLength(2 * 4);
    for (const options of curls) expect(options).toContain(" --connect-timeout 5 ");
  });

  it("keeps what was measured when it takes too long", async () => {
    const slow = createServer((request, response) => {
      if (request.url !== "/large") response.end("hello");
    });
    await new Promise<void>((resolve) => slow.listen(0, "127.0.0.1", resolve));
    const way: Way = { ...ways()[1]!, port: (slow.address() as AddressInfo).port };
    const begun = Date.now();
    const { samples, brokenOff } = await runLine("sh -s", [way], { ...load, each: 1 }, 2);
    slow.closeAllConnections();
    slow.close();
    expect(brokenOff).toBe(true);
    expect(samples.map(({ metric }) => metric)).toEqual(["request", "request8"]);
    expect(Date.now() - begun).toBeLessThan(20_000);
  });

  it("says so where the shell is none, or has no curl", async () => {
    await expect(runLine("exit 9", ways(), load)).rejects.toThrow("the measuring failed: exit status 9");
    await expect(runLine("PATH= $(command -v sh) -s", ways(), load)).rejects.toThrow(
      "there is no 'curl' here",
    );
  });
});
