import { describe, expect, it } from "vitest";
import { HostError } from "../../../src/core/errors.js";
import type { Owned } from "../../../src/core/owned.js";
import type { RouterFacts } from "../../../src/hosts/router/facts.js";
import { parseUciExport } from "../../../src/hosts/router/uci.js";
import { bogons } from "../../../src/steps/bogons.js";
import { address } from "../../../src/steps/router/address.js";
import { firewall } from "../../../src/steps/router/firewall.js";
import { routes } from "../../../src/steps/router/routes.js";
import { rules } from "../../../src/steps/router/rules.js";
import { tunnel } from "../../../src/steps/router/tunnel.js";
import { recorded, recordedFile } from "../recorded.js";
import { allTo, site as home, lan, router, world } from "../world.js";

// The recordings' own addresses.
const [server, local, remote] = ["192.168.1.10", "2001:db8:ffff::2", "2001:db8:ffff::64"];
const site = { ...home, forwards: allTo(server) };
const owned: Owned = {
  site: "home",
  tunnel: {
    name: "wrap1",
    local,
    atHome: "router",
    ownLocal: true,
    remote,
    servers: [server],
    mtu: 1460,
    table: 42,
  },
};
const marked: RouterFacts = { ...router, marked: true, owned };
const there = world({
  site: {
    forwards: allTo(server),
    // The recordings are older.
    hairpin: "vps",
    vps: { ...home.vps, endpoint: remote },
    router: { ssh: "router", zones: {}, ...home.router, endpoint: local },
  },
});
const ok = (stdout: string) => ({ stdout, code: 0 });

describe("the policy rules of a router", () => {
  const parse = (text: string, facts = marked) => rules.parse(ok(text), facts, site);

  it.each([
    ["iproute2", 10],
    ["BusyBox", 12],
  ])("as %s prints them are what is wanted", (_, n) => {
    expect(parse(recorded("policy-routing", n))).toEqual(rules.desired(there));
  });

  it("with the protocol that newer ones print are the same", () => {
    const text = recorded("policy-routing", 10).replaceAll(/^(420\d:.*)$/gm, "$1 proto static");
    expect(parse(text)).toEqual(rules.desired(there));
  });

  it("are none on a router that ds4 never was on", () => {
    expect(parse(recorded("policy-routing", 1))).toEqual(new Map());
    expect(parse(recorded("policy-routing", 10), { ...marked, marked: false })).toEqual(new Map());
  });

  it("show one that went elsewhere, is changed, or is there twice", () => {
    expect([...parse(recorded("policy-routing", 33)).keys()]).toEqual(["4200", "4205"]);
    const changed = recorded("policy-routing", 10).replace("lookup 42", "lookup 43");
    expect(parse(changed).get("4201")).toEqual({ rule: `from ${server} lookup 43` });
    const twice = `${recorded("policy-routing", 10)}4201:\tfrom 192.168.1.99 lookup 42\n`;
    expect(parse(twice).get("4201")).toEqual({
      rule: `from ${server} lookup 42, from 192.168.1.99 lookup 42`,
    });
  });

  it("that can't be read are an error", () => {
    expect(() => rules.parse({ stdout: "ip: not found\n", code: 127 }, marked, site)).toThrow(HostError);
  });

  it("of somebody else in ds4's place, or for its table, are conflicts", () => {
    const found = (text: string, facts: Partial<RouterFacts> = {}) =>
      rules.conflicts?.({ ...there, router: { ...router, ...facts, rules: text } }) ?? [];
    expect(found(recorded("policy-routing", 1))).toEqual([]);
    expect(found(recorded("policy-routing", 10)).map(({ message }) => message)).toEqual([
      `somebody has the routing rule '4200: from ${server} lookup main suppress_prefixlength 0' on the router`,
      `somebody has the routing rule '4201: from ${server} lookup 42' on the router`,
    ]);
    expect(found("90010:\tfrom all iif lo lookup 42 \n")[0]?.hint).toContain("tunnel: { table: … }");
    expect(found("4202:\tfrom all lookup 142\n")).toEqual([]);
    expect(found("32766:\tfrom all lookup main\nnamed 42 home\n")[0]?.message).toBe(
      "the routing table 42 has a name on the router: 'home'",
    );
    expect(found("32766:\tfrom all lookup main\nnamed 142 home\n")).toEqual([]);
    expect(found(recorded("policy-routing", 10), { marked: true })).toEqual([]);
  });
});

describe("the tunnel's table of a router", () => {
  const parse = (text: string, facts = marked) => routes.parse(ok(text), facts, site);
  const thrown = ["10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16"]
    .map((range) => `throw ${range} proto static`)
    .join("\n");

  it("is what is wanted, as netifd fills it", () => {
    const text = recorded("policy-routing", 18).split("\n").slice(2, 4).join("\n");
    expect(text).toContain("default dev wrap1");
    expect(parse(`${text}\n${thrown}`)).toEqual(routes.desired(there));
  });

  it.each([
    ["iproute2", 13],
    ["BusyBox", 14],
  ])("shows with %s that the tunnel's way is gone", (_, n) => {
    expect([...parse(recorded("policy-routing", n)).keys()]).toEqual(["unreachable default/42"]);
  });

  it("shows another way, a metric, and a second one", () => {
    const way = (text: string) => parse(text).get("default/42");
    expect(way("default via 192.0.2.1 dev eth1 \n")).toMatchObject({ via: "via 192.0.2.1 dev eth1" });
    expect(way("default dev wrap1 scope link metric 5 \n")).toMatchObject({ metric: 5 });
    expect(way("default dev wrap1\ndefault dev eth1 metric 9\n")).toMatchObject({
      via: "dev wrap1, dev eth1",
    });
  });

  it("leaves routes of others in the table alone", () => {
    const text = `${recorded("policy-routing", 30)}\n${thrown}\nthrow 198.51.100.0/24 proto static\n`;
    expect(parse(text)).toEqual(routes.desired(there));
  });

  it("is a conflict where somebody else uses it", () => {
    const conflicts = (table: string, more: Partial<RouterFacts> = {}) =>
      routes.conflicts?.({ ...there, router: { ...router, table, ...more } }) ?? [];
    expect(conflicts(" \n")).toEqual([]);
    expect(conflicts("default via 10.0.0.1 dev tun0 \n")[0]).toMatchObject({
      host: "router",
      message: expect.stringContaining("default via 10.0.0.1 dev tun0"),
      hint: expect.stringContaining("table"),
    });
    expect(conflicts("default dev wrap1\n", { marked: true })).toEqual([]);
  });
});

describe("the tunnel of a router", () => {
  /** What the probe prints: the tunnels, then each device with its MTU, flags, rp_filter and src_valid_mark. */
  const probed = (tunnels: string, mtu = 1460, flags = "0x10c1", rpFilter = "1") =>
    ok(`${tunnels}\n@ lo 65536 0x9\n@ wrap1 ${mtu} ${flags} ${rpFilter} 0\n@ wrap10 1280 0x80\n`);
  const shown = recorded("tunnel", 4).split("\n").at(-1) ?? "";
  const parse = (section: ReturnType<typeof probed>, facts = marked) =>
    tunnel.parse(section, facts, site).get("wrap1");

  it("is what is wanted, as ip shows it", () => {
    expect(shown).toMatch(/^wrap1: ip\/ipv6 /);
    const wanted = { ...tunnel.desired(there).get("wrap1") };
    expect(parse(probed(shown))).toEqual(wanted);
  });

  it("is found among others, also behind one that ends without a newline", () => {
    const fallback = recorded("tunnel", 2).split("\n")[0] ?? "";
    const other = shown.replace("wrap1", "wrap10").replaceAll("2001:db8:ffff::64", "2001:db8::1");
    for (const text of [`${fallback}\n${shown}`, `${other}${shown}`, `${shown}${other}`]) {
      expect(parse(probed(text)), text).toMatchObject({ local, remote, encaplimit: "none" });
    }
  });

  it("shows each thing that drifted", () => {
    expect(parse(probed(shown, 1400))).toMatchObject({ mtu: 1400 });
    expect(parse(probed(shown, 1460, "0x1080"))).toMatchObject({ up: false });
    expect(parse(probed(shown, 1460, "0x10c1", "0"))).toMatchObject({ rpFilter: "0" });
    expect(parse(probed(shown.replace("encaplimit none", "encaplimit 4")))).toMatchObject({
      encaplimit: "4",
    });
    expect(parse(probed(shown.replace("hoplimit 64", "hoplimit 1")))).toMatchObject({ hoplimit: 1 });
    expect(parse(probed(shown.replace("ip/ipv6", "ipv6/ipv6")))).toMatchObject({ kind: "ipv6/ipv6" });
    expect(parse(probed(""))).toMatchObject({ kind: "no 4in6 tunnel" });
  });

  it("shows that it is gone", () => {
    expect(parse(ok("@ lo 65536 0x9\n@ wrap10 1280 0x80\n"))).toBeUndefined();
    expect(parse(ok(""))).toBeUndefined();
  });

  it("is the one that ds4 wrote down, where the inventory's name has changed", () => {
    const renamed = { ...site, tunnel: { ...site.tunnel, name: "ds4new" } };
    expect([...tunnel.parse(probed(shown), marked, renamed).keys()]).toEqual(["wrap1"]);
  });

  it("is an error where its flags can't be read", () => {
    expect(() => parse(probed(shown, 1460, "what"))).toThrow(HostError);
  });

  it("of somebody else with that name is a conflict", () => {
    const taken = { mtus: new Map([["wrap1", 1500]]) };
    const conflicts = (more: Partial<RouterFacts>) =>
      tunnel.conflicts?.({ ...there, router: { ...router, ...more } }) ?? [];
    expect(conflicts(taken)[0]?.message).toBe("there is a device wrap1 already, and it isn't ds4's");
    expect(conflicts({ ...taken, marked: true })).toEqual([]);
    expect(conflicts({})).toEqual([]);
  });

  it("of somebody else with the same two ends is a conflict", () => {
    const twin = { name: "mine", local: there.design.remote, remote: there.design.local };
    const conflicts = (...tunnels: RouterFacts["tunnels"]) =>
      tunnel.conflicts?.({ ...there, router: { ...router, tunnels } }) ?? [];
    expect(conflicts(twin)[0]?.message).toMatch(/^the tunnel mine has the same two ends/);
    expect(conflicts({ ...twin, name: "wrap1" }, { ...twin, remote: "2001:db8::9" })).toEqual([]);
  });
});

describe("the tunnel's address of a router", () => {
  const listed = `1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN qlen 1000
    inet6 ${local}/128 scope global deprecated noprefixroute \n       valid_lft forever preferred_lft 0sec
    inet6 ::1/128 scope host \n       valid_lft forever preferred_lft forever
`;
  const parse = (text: string, facts = marked) => address.parse(ok(text), facts, site);

  it("is what is wanted, and no source for anything else of the router's", () => {
    expect(parse(listed)).toEqual(address.desired(there));
    expect(parse(listed.replace(" deprecated", ""))).toEqual(
      new Map([[`${local}/128`, { device: "lo", deprecated: false }]]),
    );
  });

  it("isn't ds4's without the note, or where it is only like it", () => {
    expect(parse(listed, { ...marked, owned: undefined })).toEqual(new Map());
    expect(parse(listed.replaceAll(`${local}/128`, `${local}/64`))).toEqual(new Map());
    expect(parse(recorded("network-facts", 43))).toEqual(new Map());
  });
});

describe("the firewall of a router", () => {
  // The recording is older than what keeps bogons out; nft 1.0.6 lists that like this.
  const set = `{ ${bogons.join(", ")} }`;
  const text = recordedFile("firewall.with-ds4.listed.nft").replace(
    /^(\s+)(ip daddr .*"!fw4: ds4_in")$/m,
    `$1ip saddr != ${set} $2\n$1ip saddr ${set} counter packets 0 bytes 0 drop comment "!fw4: ds4_bogon"`,
  );
  const parse = (stdout: string) => firewall.parse(ok(stdout), marked, site);
  // In the recording, the rule for the outer packets doesn't say where they go to.
  const wanted = new Map(firewall.desired(there)).set("ds4_outer", {
    rules: [`input_wan: meta l4proto 4 ip6 saddr ${remote} accept`],
  });

  it("is what is wanted, as the kernel lists it", () => {
    const found = parse(text);
    expect(Object.fromEntries(found)).toEqual(Object.fromEntries(wanted));
    expect(found.size).toBe(5);
  });

  it("is the same where the protocol has no name there, or another one", () => {
    expect(text).toContain("l4proto ipencap");
    for (const name of ["4", "ipv4"]) {
      expect(parse(text.replaceAll("l4proto ipencap", `l4proto ${name}`))).toEqual(parse(text));
    }
  });

  it("is the same with nft 1.0.2, of OpenWrt 22.03, which lists that prefix as a range", () => {
    const old = text.replaceAll("224.0.0.0/3", "224.0.0.0-255.255.255.255");
    expect(old).not.toBe(text);
    expect(parse(old)).toEqual(parse(text));
  });

  it("mustn't masquerade the tunnel's packets", () => {
    const found = (...options: readonly string[]) =>
      firewall.conflicts?.({
        ...there,
        router: {
          ...router,
          firewall: parseUciExport(`${["config zone", "option name 'wan'", ...options].join("\n\t")}\n`),
        },
      });
    expect(found("option masq '1'", "option masq6 '0'")).toEqual([]);
    expect(found("option masq6 '1'")?.[0]).toMatchObject({
      message: expect.stringContaining("masquerades IPv6 (masq6)"),
      hint: expect.stringContaining(`list masq_src '!${local}/128'`),
    });
    // fw4 has no option of that name.
    expect(found("option masq6 '1'", `list masq6_src '!${local}/128'`)).toHaveLength(1);
    const others = ["list masq_src '!10.0.0.0/8'", "list masq_dest '!fd00::/8'", "list masq_src '2000::/3'"];
    expect(found("option masq6 '1'", ...others)).toHaveLength(1);
    for (const left of [
      `list masq_src '!${local}/128'`,
      "list masq_src '!2001:db8::/32'",
      "option masq_src '10.0.0.0/8 fd00::/8'",
      `list masq_dest '!${remote}'`,
    ]) {
      expect(found("option masq6 '1'", left), left).toEqual([]);
    }
  });

  it("is none before ds4 and after it, and where fw4 isn't loaded at all", () => {
    expect(parse(recordedFile("firewall.default.nft"))).toEqual(new Map());
    expect(parse(recordedFile("firewall.after-removal.nft"))).toEqual(new Map());
    expect(parse("Error: No such file or directory\nlist table inet fw4\n")).toEqual(new Map());
  });

  it("shows each rule that fw4 left out, or that was changed", () => {
    for (const id of ["ds4_outer", "ds4_in", "ds4_bogon", "ds4_out"]) {
      const gone = text.replace(new RegExp(`.*comment "!fw4: ${id}".*\\n`), "");
      expect([...parse(gone).keys()]).not.toContain(id);
    }
    expect(parse(text.replaceAll(server, "192.168.1.99")).get("ds4_in")).not.toEqual(wanted.get("ds4_in"));
    const [jump] = /.*iifname "wrap1" jump forward_ds4.*\n/.exec(text) ?? [""];
    expect(parse(text.replace(jump, "")).get("zone")).not.toEqual(wanted.get("zone"));
    expect(parse(text.replace("jump reject_from_ds4", "jump accept_from_ds4")).get("zone")).not.toEqual(
      wanted.get("zone"),
    );
  });

  it("that can't be listed is an error", () => {
    expect(() => firewall.parse({ stdout: "nft: not found\n", code: 127 }, marked, site)).toThrow(
      "nft: not found",
    );
  });

  it("takes firewall4", () => {
    const conflicts = firewall.conflicts?.({
      ...there,
      router: { ...router, firewall4: false, release: "OpenWrt 21.02" },
    });
    expect(conflicts?.[0]?.message).toContain("OpenWrt 21.02 has no firewall4");
    expect(firewall.conflicts?.(there)).toEqual([]);
  });

  it("is wanted in the zones of the design", () => {
    const zones = [
      { name: "home", networks: [lan.name], devices: [] },
      { name: "internet", networks: ["wan6"], devices: [] },
    ];
    const items = firewall.desired(world({ router: { zones } }));
    expect(JSON.stringify([...items])).toContain("input_internet: ");
    expect(items.get("ds4_out")).toEqual({
      rules: ["forward_home: ip saddr 192.168.1.210 jump accept_to_ds4"],
    });
  });
});
