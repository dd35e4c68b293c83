import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Ds4Error } from "../../../src/core/errors.js";
import { resolveHost } from "../../../src/ssh/host-config.js";
import { parseTarget } from "../../../src/ssh/target.js";
import { makeHome } from "../../integration/ssh/test-server.js";

function resolve(config: string, target: string) {
  const { surroundings } = makeHome(config);
  return resolveHost(parseTarget(target), surroundings);
}

describe("a host without ssh_config", () => {
  it("is reached as ssh would", () => {
    const { surroundings, home } = makeHome();
    expect(resolveHost(parseTarget("vps"), surroundings)).toEqual({
      text: "vps",
      host: "vps",
      port: 22,
      user: "root",
      identityFiles: ["id_ed25519", "id_ecdsa", "id_rsa"].map((name) => join(home, ".ssh", name)),
      identityFilesConfigured: false,
      identitiesOnly: false,
      jumps: [],
      knownAs: "vps",
      userKnownHostsFiles: [join(home, ".ssh/known_hosts"), join(home, ".ssh/known_hosts2")],
      globalKnownHostsFiles: [join(home, "etc/ssh_known_hosts"), join(home, "etc/ssh_known_hosts2")],
      hashKnownHosts: false,
      unknownHostKey: "ask",
    });
  });

  it("is known by its port, unless that is 22", () => {
    expect(resolve("", "VPS:2222")).toMatchObject({ knownAs: "[vps]:2222", alsoKnownAs: "vps" });
    expect(resolve("", "[2001:db8::1]:22")).toMatchObject({ knownAs: "2001:db8::1" });
    expect(resolve("Host v\nHostKeyAlias Mine\nPort 2222\n", "v")).toMatchObject({ knownAs: "mine" });
  });
});

describe("ssh_config", () => {
  it("gives way to what is typed", () => {
    const config = "Host vps\n  HostName 203.0.113.144\n  User admin\n  Port 2222\n";
    expect(resolve(config, "vps")).toMatchObject({ host: "203.0.113.144", user: "admin", port: 2222 });
    expect(resolve(config, "ssh://root@vps:22")).toMatchObject({
      host: "203.0.113.144",
      user: "root",
      port: 22,
    });
  });

  it("has the user's file before the system's", () => {
    const { surroundings, home } = makeHome("Host vps\n  Port 2222\n");
    mkdirSync(join(home, "etc"));
    const system = "Include conf.d/*.conf\nHost *\n  Port 3333\n  User system\n";
    makeFile(join(home, "etc/ssh_config"), system);
    mkdirSync(join(home, "etc/conf.d"));
    makeFile(join(home, "etc/conf.d/10.conf"), "Host *\n  HashKnownHosts yes\n");
    expect(resolveHost(parseTarget("vps"), surroundings)).toMatchObject({
      port: 2222,
      user: "system",
      hashKnownHosts: true,
    });
  });

  it("given by name is the only one", () => {
    const { surroundings, write } = makeHome("Host vps\n  Port 2222\n");
    const file = write("other", "Host vps\n  User other\n");
    expect(resolveHost(parseTarget("vps"), surroundings, file)).toMatchObject({ port: 22, user: "other" });
  });

  it("given by name has to be there", () => {
    const { surroundings } = makeHome();
    expect(() => resolveHost(parseTarget("vps"), surroundings, "/nonexistent")).toThrow(/\/nonexistent/);
  });

  it.each([
    ["Port abc", "Port abc is no number"],
    ["ConnectTimeout 1x", "ConnectTimeout 1x is no time"],
    ["ConnectTimeout m", "ConnectTimeout m is no time"],
    ['Host "a', "can't be understood"],
  ])("%j is refused by name", (config, message) => {
    expect(() => resolve(`Host vps\n${config}\n`, "vps")).toThrow(Ds4Error);
    expect(() => resolve(`Host vps\n${config}\n`, "vps")).toThrow(message);
  });

  it("includes files, conditionally inside a section, and ends a circle", () => {
    const { surroundings, write } = makeHome(
      "Include a b*\nHost vps\n  Include only-vps\n  Port 2222\nHost other\n  Include only-other\n",
    );
    write("a", "Host *\n  HashKnownHosts yes\n");
    write("b1", "Host vps\n  User b1\n");
    write("b2", "Host vps\n  User b2\n");
    write("only-vps", "IdentitiesOnly yes\nPort 1\nHost nobody\n  ConnectTimeout 3\n");
    write("only-other", "HostName never\n");
    expect(resolveHost(parseTarget("vps"), surroundings)).toMatchObject({
      host: "vps",
      user: "b1",
      port: 1,
      hashKnownHosts: true,
      identitiesOnly: true,
    });
    expect(resolveHost(parseTarget("vps"), surroundings).connectTimeoutMs).toBeUndefined();
    expect(resolveHost(parseTarget("other"), surroundings)).toMatchObject({ host: "never", port: 22 });
    write("a", "Include a\n");
    expect(() => resolveHost(parseTarget("vps"), surroundings)).toThrow("included too deeply");
  });

  it("names keys with ~, tokens and variables", () => {
    const { surroundings, home } = makeHome(
      "Host vps\n  HostName %h.example.org\n  IdentityFile ~/.ssh/%r-%h-%p\n  IdentityFile %d/k\n  IdentityFile ${KEYS}/n\n  IdentityFile /abs\n",
    );
    const environment = { KEYS: "/keys" };
    expect(resolveHost(parseTarget("vps"), { ...surroundings, environment })).toMatchObject({
      host: "vps.example.org",
      identityFiles: [`${home}/.ssh/root-vps.example.org-22`, `${home}/k`, "/keys/n", "/abs"],
      identityFilesConfigured: true,
    });
    expect(resolve("IdentityFile none\n", "vps").identityFiles).toEqual([]);
  });

  it("finds the agent", () => {
    const { surroundings } = makeHome(
      "Host no\n  IdentityAgent none\nHost own\n  IdentityAgent ~/agent\nHost var\n  IdentityAgent $OTHER\n",
    );
    const environment = { SSH_AUTH_SOCK: "/run/agent", OTHER: "/run/other" };
    const agent = (target: string) =>
      resolveHost(parseTarget(target), { ...surroundings, environment }).agentSocket;
    expect(["vps", "no", "own", "var"].map(agent)).toEqual([
      "/run/agent",
      undefined,
      `${surroundings.home}/agent`,
      "/run/other",
    ]);
  });

  it("has jump hosts in a row, but none for the jump host itself", () => {
    const config = "Host *\n  ProxyJump me@first:2222,ssh://second\nHost direct\n  ProxyJump none\n";
    expect(resolve(config, "vps").jumps).toMatchObject([
      { host: "first", user: "me", port: 2222 },
      { host: "second" },
    ]);
    expect(resolve(config, "second").jumps).toEqual([]);
    expect(resolve("Host direct\n  ProxyJump none\nHost *\n  ProxyJump x\n", "direct").jumps).toEqual([]);
  });

  it("has no time that is longer than can be waited", () => {
    expect(resolve("ConnectTimeout 4w\n", "vps").connectTimeoutMs).toBe(2 ** 31 - 1);
  });

  it.each([
    ["yes", "refuse"],
    ["no", "accept"],
    ["off", "accept"],
    ["accept-new", "accept"],
    ["ask", "ask"],
  ])("StrictHostKeyChecking %s", (value, expected) => {
    expect(resolve(`StrictHostKeyChecking ${value}\n`, "vps").unknownHostKey).toBe(expected);
  });
});

const ssh = spawnSync("ssh", ["-V"]);
describe.skipIf(ssh.error !== undefined)("ssh -G says the same", () => {
  const configs = [
    "Host v*\n  HostName %h.example.org\n  User u1\nHost vps\n  User u2\n  Port 2222\n",
    "Host !vps *\n  User u1\nHost *\n  User u2\n",
    "Host=vps\nUser = u1\nPort=7\n",
    "User top\nHost vps\n  User inner\n",
    'Host vps\n  IdentityFile "/a b/key"\n  IdentityFile /c\n',
    "Match host vps.example.org\n  User matched\nHost vps\n  HostName vps.example.org\n",
    "Host vps\n  HostName vps.example.org\nMatch host vps.example.org\n  User matched\n",
    "Match originalhost vps\n  Port 99\nMatch all\n  User everyone\n",
    "Match !host foo\n  Port 99\n",
    "Match host v* !Host vps,foo\n  Port 99\n",
    "Match !originalhost vps !originalhost other\n  Port 99\n",
    "Match final !user root\n  Port 99\n",
    "Match !localuser nobody-at-all !host vps\n  Port 99\n",
    "host vps\n\tuser tab\n\tPORT 5 # comment\n",
    "Host a vps b\n  HostKeyAlias alias\n  UserKnownHostsFile /k1 /k2\n  GlobalKnownHostsFile none\n",
    "Host vps\n  ProxyJump j1,j2\n  ConnectTimeout 7\n  HashKnownHosts yes\n  IdentitiesOnly yes\n  AddressFamily inet6\n",
    "Host vps\n  ProxyCommand nc first 22\nHost *\n  ProxyJump second\n",
    "Host vps\n  ProxyCommand none\nHost *\n  ProxyJump second\n",
    "Host vps\n  ProxyJump none\nHost *\n  ProxyCommand nc second 22\n",
    "Host vps\n  ProxyJump first\nHost *\n  ProxyCommand nc second 22\n",
    ...["1m", "1M30", "1h2m3s", "1w", "2D", "1m1m"].map((time) => `ConnectTimeout ${time}\n`),
    "Host v?s\n  User question\nHost v*p?\n  Port 8\n",
  ];
  const targets = ["vps", "root@vps", "vps.example.org", "other"];

  it.each(configs.flatMap((config) => targets.map((target) => [config, target] as const)))(
    "%j %s",
    (config, target) => {
      const { surroundings, write } = makeHome();
      const file = write("given", config);
      const { stdout, status } = spawnSync("ssh", ["-G", "-F", file, target], { encoding: "utf8" });
      expect(status).toBe(0);
      const said = new Map<string, string[]>();
      for (const line of stdout.split("\n")) {
        const [key, ...value] = line.split(" ");
        said.set(key!, [...(said.get(key!) ?? []), value.join(" ")]);
      }
      const one = (key: string) => said.get(key)?.[0];
      const own = resolveHost(parseTarget(target), { ...surroundings, user: one("user")! }, file);
      expect(own.host).toBe(one("hostname"));
      expect(String(own.port)).toBe(one("port"));
      expect(own.identitiesOnly).toBe(one("identitiesonly") === "yes");
      expect(own.hashKnownHosts).toBe(one("hashknownhosts") === "yes");
      expect(own.addressFamily).toBe({ inet: 4, inet6: 6 }[one("addressfamily")!]);
      expect(own.connectTimeoutMs).toBe(
        one("connecttimeout") === "none" ? undefined : Number(one("connecttimeout")) * 1000,
      );
      expect(own.jumps.map(({ text }) => text).join(",")).toBe(one("proxyjump") ?? "");
      expect(own.proxyCommand).toBe(one("proxycommand"));
      if (own.identityFilesConfigured) expect(own.identityFiles).toEqual(said.get("identityfile"));
      if (config.includes("UserKnownHostsFile") && one("hostkeyalias") !== undefined) {
        expect(own.userKnownHostsFiles.join(" ")).toBe(one("userknownhostsfile"));
        expect(own.globalKnownHostsFiles.join(" ") || "none").toBe(one("globalknownhostsfile"));
        expect(own.knownAs).toBe(one("hostkeyalias"));
      }
      // The user is compared with another local user's name, so that it comes from the file or not at all.
      const local = resolveHost(parseTarget(target), { ...surroundings, user: "local-user" }, file).user;
      if (local !== "local-user") expect(local).toBe(one("user"));
    },
  );
});

function makeFile(path: string, content: string): void {
  spawnSync("sh", ["-c", 'cat > "$1"', "sh", path], { input: content });
}
