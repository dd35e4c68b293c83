// The measuring of scripts/bench, which boots the lab first.
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";

const { values: options } = parseArgs({
  options: { json: { type: "boolean", default: false }, runs: { type: "string", default: "5" } },
});
const runs = Number(options.runs);
const folder = process.env.DS4_LAB_DIR;
const delaysMs = [0, 50, 100];
const sshConfig = `${folder}/ssh_config`;

/** Runs a command and resolves to its wall time in seconds. @throws where it fails. */
function seconds(command, args, expected = [0]) {
  const begin = process.hrtime.bigint();
  const { status, stderr, error } = spawnSync(command, args, { encoding: "utf8", maxBuffer: 64 << 20 });
  const taken = Number(process.hrtime.bigint() - begin) / 1e9;
  if (error || !expected.includes(status)) {
    throw new Error(`${command} ${args.join(" ")}: exit ${status}\n${error ?? stderr}`);
  }
  return taken;
}

const lab = (...args) => seconds("scripts/lab", args);
const ssh = (host) => seconds("ssh", ["-F", sshConfig, "-o", "BatchMode=yes", host, "true"]);
const ds4 = (...args) => seconds("node", ["dist/cli.js", ...args, "-F", sshConfig]);

/** The lab's site with one of two MTUs: going from one to the other changes files and tunnels on both hosts. */
function inventory(mtu) {
  const path = `${folder}/inventory-${mtu}`;
  mkdirSync(path, { recursive: true });
  writeFileSync(
    `${path}/lab.yaml`,
    `vps: { ssh: vps }\nrouter: { ssh: router }\nserver: 192.168.1.210\ntunnel: { mtu: ${mtu} }\n`,
  );
  return path;
}
const inventories = [inventory(1460), inventory(1440)];
let current = 0;
const changingApply = () => ds4("apply", "lab", "--yes", "--confirm-within", "300", "-i", inventories[(current = 1 - current)]);

const commands = {
  "ssh vps true": () => ssh("vps"),
  "ssh router true": () => ssh("router"),
  "ds4 status": () => ds4("status", "lab", "-i", inventories[current]),
  "ds4 apply": changingApply,
};

function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The slope of the line through the points that misses them least. */
function slope(points) {
  const mean = (of) => points.reduce((sum, point) => sum + of(point), 0) / points.length;
  const [x, y] = [mean(([a]) => a), mean(([, b]) => b)];
  const sum = (of) => points.reduce((total, point) => total + of(point), 0);
  return sum(([a, b]) => (a - x) * (b - y)) / sum(([a]) => (a - x) ** 2);
}

function measureRoundTrips() {
  const times = Object.fromEntries(
    Object.keys(commands).map((name) => [name, Object.fromEntries(delaysMs.map((ms) => [ms, []]))]),
  );
  changingApply(); // the first one sets up everything, and isn't counted
  for (const ms of delaysMs) {
    lab("link", "laptop", "rtt", String(ms));
    // In turns, so that what else the machine does hits all alike.
    for (let run = 0; run < runs; run++) {
      for (const [name, measure] of Object.entries(commands)) times[name][ms].push(measure());
      process.stderr.write(`bench: ${ms} ms, run ${run + 1} of ${runs}\n`);
    }
  }
  lab("link", "laptop", "clear");
  return Object.fromEntries(
    Object.entries(times).map(([name, byDelay]) => [
      name,
      {
        medianSeconds: Object.fromEntries(delaysMs.map((ms) => [ms, median(byDelay[ms])])),
        roundTrips: slope(delaysMs.map((ms) => [ms / 1000, median(byDelay[ms])])),
        // What else the machine does only ever adds to a time.
        roundTripsOfFastest: slope(delaysMs.map((ms) => [ms / 1000, Math.min(...byDelay[ms])])),
      },
    ]),
  );
}

function measureStart() {
  const [node, help] = [[], []];
  for (let run = 0; run < 20; run++) {
    node.push(seconds("node", ["-e", "0"]));
    help.push(seconds("node", ["dist/cli.js", "--help"]));
  }
  return { nodeMs: median(node) * 1000, helpMs: median(help) * 1000 };
}

/** The most memory that a run ever held, in MB, as the kernel counted. */
function measureMemory(...args) {
  const tell = "process.on('exit', () => process.stderr.write('\\n@rss ' + process.resourceUsage().maxRSS + '\\n'))";
  const { stderr } = spawnSync(
    "node",
    ["--import", `data:text/javascript,${encodeURIComponent(tell)}`, "dist/cli.js", ...args, "-F", sshConfig],
    { encoding: "utf8" },
  );
  return Number(/^@rss (\d+)$/m.exec(stderr)?.[1]) / 1000;
}

const commandTimes = measureRoundTrips();
const start = measureStart();
const memory = {
  statusMb: measureMemory("status", "lab", "-i", inventories[current]),
  applyMb: measureMemory("apply", "lab", "--yes", "--confirm-within", "300", "-i", inventories[1 - current]),
};
const slowest = (ms) =>
  Math.max(...["ssh vps true", "ssh router true"].map((name) => commandTimes[name].medianSeconds[ms]));
const ratio = (name) => commandTimes[name].medianSeconds[100] / slowest(100);
// Without what the hosts do meanwhile, which takes an emulated processor many times as long as a real one.
const added = (name) => commandTimes[name].medianSeconds[100] - commandTimes[name].medianSeconds[0];
const addedRatio = (name) => added(name) / Math.max(added("ssh vps true"), added("ssh router true"));
const aims = [
  { what: "ds4 status / ssh true, at 100 ms", value: ratio("ds4 status"), atMost: 1.2 },
  { what: "ds4 apply / ssh true, at 100 ms", value: ratio("ds4 apply"), atMost: 3 },
  { what: "the same of what the 100 ms add: status", value: addedRatio("ds4 status"), atMost: 1.2 },
  { what: "the same of what the 100 ms add: apply", value: addedRatio("ds4 apply"), atMost: 3 },
  { what: "ds4 --help over node -e 0, in ms", value: start.helpMs - start.nodeMs, atMost: 110 },
  { what: "peak memory, in MB", value: Math.max(memory.statusMb, memory.applyMb), atMost: 120 },
].map((aim) => ({ ...aim, met: aim.value <= aim.atMost }));

if (options.json) {
  process.stdout.write(`${JSON.stringify({ runs, commands: commandTimes, start, memory, aims }, null, 2)}\n`);
} else {
  const fixed = (number) => number.toFixed(2).padStart(8);
  const lines = [
    `Wall time in seconds, median of ${runs}, by what is added to each round trip:`,
    `${"".padEnd(18)}${delaysMs.map((ms) => `${ms} ms`.padStart(8)).join("")}  round trips (slope of medians, of the fastest)`,
    ...Object.entries(commandTimes).map(
      ([name, { medianSeconds, roundTrips, roundTripsOfFastest }]) =>
        `${name.padEnd(18)}${delaysMs.map((ms) => fixed(medianSeconds[ms])).join("")}${fixed(roundTrips)}${fixed(roundTripsOfFastest)}`,
    ),
    "",
    `Start-up, median of 20: node -e 0 ${start.nodeMs.toFixed(0)} ms, ds4 --help ${start.helpMs.toFixed(0)} ms`,
    `Peak memory: ds4 status ${memory.statusMb.toFixed(0)} MB, ds4 apply ${memory.applyMb.toFixed(0)} MB`,
    "",
    ...aims.map(
      ({ what, value, atMost, met }) =>
        `${met ? "met   " : "missed"}  ${what.padEnd(42)}${fixed(value)}  (aim: at most ${atMost})`,
    ),
    "ds4 works on both hosts at once; `ssh true` is the slower one of the two here.",
  ];
  process.stdout.write(`${lines.join("\n")}\n`);
}
