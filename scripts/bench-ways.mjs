// The ways home, measured against each other: ds4's tunnel, the same tunnel by hand, and ds4's relay.
import { median } from "../dist/bench/statistics.js";
import { apply, column, lab, on, processorSeconds, say } from "./bench-lab.mjs";

const publicIPv4 = "203.0.113.144";
const [local, remote] = ["2001:db8:1:0:203:0:113:144", "2001:db8:100:0:203:0:113:144"];
const [server, server6] = ["192.168.1.210", "2001:db8:100::210"];

/** The least that somebody types who wants the tunnel and no more: no clamp, no filter, nothing that stays. */
const onVps = `
command -v iptables >/dev/null || { apt-get -qq update; DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --no-install-recommends iptables; } >/dev/null 2>&1
sysctl -q net.ipv4.ip_forward=1
iptables -P FORWARD ACCEPT
ip -6 addr add ${local}/128 dev eth0
modprobe ip6_tunnel
ip -6 tunnel add wrap1 mode ipip6 remote ${remote} local ${local} dev eth0
ip link set wrap1 up
ip route add ${server} dev wrap1
iptables -t nat -A PREROUTING -i eth0 -d ${publicIPv4} -p tcp ! --dport 22 -j DNAT --to ${server}
iptables -t nat -A POSTROUTING -o eth0 -s ${server} -j SNAT --to ${publicIPv4}`;
const onRouter = `
ip -6 addr add ${remote}/128 dev lo
ip -6 tunnel add wrap1 mode ipip6 remote ${local} local ${remote}
ip link set wrap1 up
ip rule add from ${server} lookup main suppress_prefixlength 0 priority 100
ip rule add from ${server} table 42 priority 101
ip route add default dev wrap1 table 42
nft insert rule inet fw4 input ip6 saddr ${local} meta l4proto 4 accept
nft insert rule inet fw4 forward iifname wrap1 ip daddr ${server} accept
nft insert rule inet fw4 forward oifname wrap1 ip saddr ${server} accept`;

const ways = {
  tunnel: () => apply("example"),
  "by hand": () => {
    on("vps", onVps);
    on("router", onRouter);
  },
  relay: () => {
    // What the home's router has to let in for a relay.
    on("router", `nft insert rule inet fw4 forward ip6 daddr ${server6} accept`);
    apply("example-relay");
  },
};

const url = `http://${publicIPv4}`;
const megabytes = 50;
const requests = 80;
/** What a visitor does, as lines of sh, and how much of it: megabytes, or requests. */
const loads = {
  [`download of ${megabytes} MB`]: { amount: megabytes, unit: "MB", script: `curl -fsS -m 300 -o /dev/null ${url}/50m` },
  [`upload of ${megabytes} MB`]: {
    amount: megabytes,
    unit: "MB",
    script: `head -c ${megabytes}000000 /dev/zero | curl -fsS -m 300 -o /dev/null -H Expect: --data-binary @- ${url}/`,
  },
  [`${requests} requests, 8 at once`]: {
    amount: requests,
    unit: "requests",
    script: `curl -fsS -m 300 -Z --parallel-immediate --parallel-max 8 ${`-o /dev/null ${url}/ `.repeat(requests)}`,
  },
};

/** The visitor's time for it, and what it took of the VPS's processor, in seconds. */
function measure({ script }) {
  const before = processorSeconds("vps");
  const [begin, end] = on("client", `date +%s.%N\n${script} >/dev/null\ndate +%s.%N`).trim().split("\n").map(Number);
  return { seconds: end - begin, processor: processorSeconds("vps") - before };
}

export function measureWays(runs) {
  for (const [way, make] of Object.entries(ways)) {
    lab("reset");
    make();
    on("client", `curl -fsS -m 30 -o /dev/null ${url}/`);
    lab("save", `bench-${way.replace(" ", "-")}`);
    say(`${way}: is set up`);
  }
  const samples = Object.fromEntries(Object.keys(loads).map((load) => [load, Object.fromEntries(Object.keys(ways).map((way) => [way, []]))]));
  // In turns, so that what else the machine does hits all alike.
  for (let turn = 0; turn < runs; turn++) {
    for (const way of Object.keys(ways)) {
      lab("load", `bench-${way.replace(" ", "-")}`);
      on("client", `curl -fsS -m 30 --retry 5 --retry-connrefused -o /dev/null ${url}/`);
      for (const [name, load] of Object.entries(loads)) samples[name][way].push(measure(load));
      say(`${way}, run ${turn + 1} of ${runs}`);
    }
  }

  /** How many times as much the first way carries as the second one, run by run. */
  const ratio = (load, first, second, of) =>
    median(samples[load][first].map((sample, turn) => samples[load][second][turn][of] / sample[of]));
  const rows = Object.entries(loads).flatMap(([load, { amount, unit }]) =>
    Object.keys(ways).map((way) => ({
      load,
      way,
      unit,
      perSecond: median(samples[load][way].map(({ seconds }) => amount / seconds)),
      perProcessorSecond: median(samples[load][way].map(({ processor }) => amount / processor)),
    })),
  );
  const aims = [
    ["relay", 2],
    ["by hand", 0.9],
  ].flatMap(([other, atLeast]) =>
    Object.keys(loads).flatMap((load) =>
      [
        ["processor", "by the VPS's processor"],
        ["seconds", "by the clock"],
      ].map(([of, words]) => ({ what: `${load}: tunnel / ${other}, ${words}`, value: ratio(load, "tunnel", other, of), atLeast })),
    ),
  );
  return {
    values: { runs, rows, samples },
    aims,
    lines: [
      `What the ways home carry, median of ${runs}: in a second, and in a second that the VPS's processor works, which is`,
      "what a VPS at its limit comes to (the lab's machines share one processor, which all of them keep busy).",
      `${"".padEnd(26)}${"".padEnd(10)}${"a second".padStart(10)}${"a second of the VPS's processor".padStart(34)}`,
      ...rows.map(
        ({ load, way, unit, perSecond, perProcessorSecond }) =>
          `${load.padEnd(26)}${way.padEnd(10)}${column(perSecond, 1)} ${column(perProcessorSecond, 1)} ${unit}`,
      ),
    ],
  };
}
