import { describe, expect, it } from "vitest";
import { Ds4Error } from "../../../src/core/errors.js";
import { parseTarget } from "../../../src/ssh/target.js";

describe("a target", () => {
  it.each([
    ["vps", { host: "vps" }],
    ["root@vps", { host: "vps", user: "root" }],
    ["root@vps:2222", { host: "vps", user: "root", port: 2222 }],
    ["ssh://root@vps:2222", { host: "vps", user: "root", port: 2222 }],
    ["ssh://vps/", { host: "vps" }],
    ["SSH://vps", { host: "vps" }],
    ["root@2001:db8::1", { host: "2001:db8::1", user: "root" }],
    ["2001:db8::22", { host: "2001:db8::22" }],
    ["root@[2001:db8::1]", { host: "2001:db8::1", user: "root" }],
    ["[2001:db8::1]:2222", { host: "2001:db8::1", port: 2222 }],
    ["ssh://root@[2001:db8::1]:2222", { host: "2001:db8::1", user: "root", port: 2222 }],
    ["root@fe80::1%eth0", { host: "fe80::1%eth0", user: "root" }],
    ["me@example.org@bastion", { host: "bastion", user: "me@example.org" }],
    ["root@203.0.113.144", { host: "203.0.113.144", user: "root" }],
  ])("%s", (text, expected) => expect(parseTarget(text)).toEqual({ text, ...expected }));

  it.each([
    ["", "empty"],
    ["-oProxyCommand=x", "dash"],
    ["root@-x", "host name"],
    ["-l@vps", "dash"],
    ["@vps", "no user"],
    ["root@", "no host"],
    ["a b", "host name"],
    ["root@a\nb", "control character"],
    ["root@vps:0", "port"],
    ["root@vps:65536", "port"],
    ["root@vps:ssh", "port"],
    ["root@[vps]:22", "brackets"],
    ["1:2:3", "neither an IPv6"],
    ["https://vps", "no SSH address"],
    ["root@$(id)", "host name"],
    ["ssh://vps/path", "host name"],
  ])("refuses %j", (text, reason) => {
    expect(() => parseTarget(text)).toThrow(Ds4Error);
    expect(() => parseTarget(text)).toThrow(reason);
  });
});
