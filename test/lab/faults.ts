import type { ChildProcess } from "node:child_process";
import { eventually, lab, mode, must, on, viaTunnel } from "./machines.js";
import type { LabHost } from "./modes.js";

/** Something that goes wrong in the middle of a change, and what ends it again. */
export type Fault = {
  readonly name: string;
  /** Does it, when ds4 has printed the line that it waits for. */
  strike(host: LabHost, ds4: ChildProcess): Promise<void> | void;
  /** Ends it, when ds4 has ended. */
  mend?(host: LabHost): Promise<void>;
  /** Whether ds4 doesn't live to tell. */
  readonly silent?: boolean;
};

const address = { vps: "203.0.113.144", router: "192.168.1.1", home: "192.168.1.210" } as const;

/** Cuts the laptop off from one host: no FIN, no RST, just nothing. */
async function cutLaptop(host: LabHost): Promise<void> {
  await must(
    "laptop",
    `nft 'table ip cut { chain forward { type filter hook forward priority 0; ip daddr ${address[host]} drop; ip saddr ${address[host]} drop; }; }'`,
  );
}

const refuse = `nft 'table inet deaf { chain input { type filter hook input priority -300; tcp dport 22 tcp flags & (syn | ack) == syn reject with tcp reset; }; }'`;

const stopped = {
  begin: "systemctl stop ssh; (sleep 45; systemctl start ssh) >/dev/null 2>&1 &",
  end: "systemctl start ssh",
};

/** Lets nobody in any more for at most 45 seconds, as an SSH daemon that has ended. */
export const deaf = {
  vps: stopped,
  home: stopped,
  router: {
    begin: `${refuse}; (sleep 45; nft delete table inet deaf) >/dev/null 2>&1 &`,
    end: "! nft list table inet deaf >/dev/null 2>&1 || nft delete table inet deaf",
  },
};

/** Sets the wall clock, as a late answer of a time server does. */
async function stepClock(host: LabHost, seconds: number): Promise<void> {
  await must(host, `date -s "@$(( $(date +%s) + ${seconds} ))" >/dev/null`);
}

/** What can strike at any moment of a change. */
export const faults: readonly Fault[] = [
  { name: "ds4 killed", silent: true, strike: (_, ds4) => void ds4.kill("SIGKILL") },
  {
    name: "the laptop's link cut",
    strike: cutLaptop,
    mend: async () => {
      await on("laptop", "nft delete table ip cut");
    },
  },
  {
    name: "the link between the hosts cut",
    strike: async () => {
      await lab("link", "wan", "down");
    },
    mend: async () => {
      await lab("link", "wan", "up");
    },
  },
  {
    name: "the host's power cut",
    strike: async (host) => {
      await lab("power", host, "reset");
    },
  },
  {
    name: "the change script killed",
    strike: async (host) => {
      await on(host, "kill -9 $(cat /var/run/ds4/change)");
    },
  },
  {
    name: "a command of the script killed",
    strike: async (host) => {
      await on(
        host,
        'p=$(cat /var/run/ds4/change); for s in /proc/[0-9]*/stat; do read -r pid _ _ parent _ <"$s" && [ "$parent" = "$p" ] && kill -9 "$pid"; done; true',
      );
    },
  },
  {
    name: "the SSH daemon taking no new connections",
    // Those that are open stay. It comes back by itself: the lab has no other way in either.
    strike: (host) => must(host, deaf[host].begin).then(() => {}),
    mend: (host) => eventually(60, () => must(host, deaf[host].end)).then(() => {}),
  },
  { name: "the host's clock an hour on", strike: (host) => stepClock(host, 3600) },
  { name: "the host's clock an hour back", strike: (host) => stepClock(host, -3600) },
  { name: "Ctrl-C", strike: (_, ds4) => void ds4.kill("SIGINT") },
  {
    name: "Ctrl-C twice",
    silent: true,
    strike: async (_, ds4) => {
      ds4.kill("SIGINT");
      await new Promise((resolve) => setTimeout(resolve, 200));
      ds4.kill("SIGINT");
    },
  },
];

const lastHost = mode.hosts.at(-1) ?? "vps";

/** What is wrong from the beginning, and how a change must end then. */
export type Condition = {
  readonly name: string;
  prepare(): Promise<unknown>;
  mend?(): Promise<unknown>;
  readonly ends: "applied" | "before";
  /** Whether it is left to `scripts/faults`: with the other tests, only a few run. */
  readonly seldom?: boolean;
};

export const conditions: readonly Condition[] = [
  {
    name: "10 % loss on the way to both hosts",
    prepare: () => lab("link", "laptop", "loss", "10"),
    mend: () => lab("link", "laptop", "clear"),
    ends: "applied",
    seldom: true,
  },
  {
    name: "800 ms round trip to both hosts",
    prepare: () => lab("link", "laptop", "rtt", "800"),
    mend: () => lab("link", "laptop", "clear"),
    ends: "applied",
    seldom: true,
  },
  ...(viaTunnel
    ? [
        {
          name: "protocol 4 dropped by the VPS's provider",
          prepare: () => lab("link", "vps", "proto4", "drop"),
          mend: () => lab("link", "vps", "clear"),
          ends: "before" as const,
          seldom: true,
        },
        {
          name: "protocol 4 dropped on the home side",
          prepare: () => lab("link", "wan", "proto4", "drop"),
          mend: () => lab("link", "wan", "clear"),
          ends: "before" as const,
          // The Linux mode's tests have its like.
          seldom: true,
        },
      ]
    : []),
  // Where it is the host itself, that one can't be reached.
  ...(mode.home === "linux"
    ? []
    : [
        {
          name: "the home server is off",
          prepare: () => must("world", "ip -n server link set eth0 down"),
          mend: () =>
            must(
              "world",
              "ip -n server link set eth0 up; ip -n server route replace default via 192.168.1.1",
            ),
          ends: "before" as const,
          seldom: true,
        },
      ]),
  {
    name: "no room on the VPS's disk",
    prepare: () =>
      must("vps", "fallocate -l $(( $(df -Pk / | tail -n 1 | awk '{ print $4 }') - 300 ))KiB /var/full"),
    mend: () => must("vps", "rm /var/full"),
    ends: "before",
    // That ds4 sees it and refuses is shown in `refusal.test.ts` anyway.
    seldom: true,
  },
  {
    name: `the ${lastHost}'s disk read-only`,
    prepare: () => must(lastHost, "mount -o remount,ro /"),
    mend: () => must(lastHost, "mount -o remount,rw /"),
    ends: "before",
  },
];
