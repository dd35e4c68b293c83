// How long ds4's commands take, with more and more delay on the laptop's link, in time and in round trips.
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { median } from "../dist/bench/statistics.js";
import { apply, column, ds4, folder, lab, run, say, sshConfig } from "./bench-lab.mjs";

const delaysMs = [0, 50, 100];
const ssh = (host) => run("ssh", ["-F", sshConfig, "-o", "BatchMode=yes", host, "true"]);

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
const mtus = [1460, 1440];
let current = 0;
const changingApply = () => apply("lab", "-i", inventory(mtus[(current = 1 - current)]));

const commands = {
  "ssh vps true": () => ssh("vps"),
  "ssh router true": () => ssh("router"),
  "ds4 status": () => ds4("status", "lab", "-i", inventory(mtus[current])),
  "ds4 apply": changingApply,
};

/** The slope of the line through the points that misses them least. */
function slope(points) {
  const mean = (of) => points.reduce((sum, point) => sum + of(point), 0) / points.length;
  const [x, y] = [mean(([a]) => a), mean(([, b]) => b)];
  const sum = (of) => points.reduce((total, point) => total + of(point), 0);
  return sum(([a, b]) => (a - x) * (b - y)) / sum(([a]) => (a - x) ** 2);
}

function measureRoundTrips(runs) {
  const times = Object.fromEntries(
    Object.keys(commands).map((name) => [name, Object.fromEntries(delaysMs.map((ms) => [ms, []]))]),
  );
  changingApply(); // the first one sets up everything, and isn't counted
  for (const ms of delaysMs) {
    lab("link", "laptop", "rtt", String(ms));
    // In turns, so that what else the machine does hits all alike.
    for (let turn = 0; turn < runs; turn++) {
      for (const [name, measure] of Object.entries(commands)) times[name][ms].push(measure().seconds);
      say(`${ms} ms, run ${turn + 1} of ${runs}`);
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
  for (let turn = 0; turn < 20; turn++) {
    node.push(run("node", ["-e", "0"]).seconds);
    help.push(run("node", ["dist/cli.js", "--help"]).seconds);
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

export function measureCommands(runs) {
  const commandTimes = measureRoundTrips(runs);
  const start = measureStart();
  const memory = {
    statusMb: measureMemory("status", "lab", "-i", inventory(mtus[current])),
    applyMb: measureMemory("apply", "lab", "--yes", "--confirm-within", "300", "-i", inventory(mtus[1 - current])),
  };
  const slowest = (ms) =>
    Math.max(...["ssh vps true", "ssh router true"].map((name) => commandTimes[name].medianSeconds[ms]));
  const ratio = (name) => commandTimes[name].medianSeconds[100] / slowest(100);
  // Without what the hosts do meanwhile, which takes an emulated processor many times as long as a real one.
  const added = (name) => commandTimes[name].medianSeconds[100] - commandTimes[name].medianSeconds[0];
  const addedRatio = (name) => added(name) / Math.max(added("ssh vps true"), added("ssh router true"));
  return {
    values: { commands: commandTimes, start, memory },
    aims: [
      { what: "ds4 status / ssh true, at 100 ms", value: ratio("ds4 status"), atMost: 1.2 },
      { what: "ds4 apply / ssh true, at 100 ms", value: ratio("ds4 apply"), atMost: 3 },
      { what: "the same of what the 100 ms add: status", value: addedRatio("ds4 status"), atMost: 1.2 },
      { what: "the same of what the 100 ms add: apply", value: addedRatio("ds4 apply"), atMost: 3 },
      { what: "ds4 --help over node -e 0, in ms", value: start.helpMs - start.nodeMs, atMost: 110 },
      { what: "peak memory, in MB", value: Math.max(memory.statusMb, memory.applyMb), atMost: 120 },
    ],
    lines: [
      `Wall time in seconds, median of ${runs}, by what is added to each round trip:`,
      `${"".padEnd(18)}${delaysMs.map((ms) => `${ms} ms`.padStart(9)).join("")}  round trips (slope of medians, of the fastest)`,
      ...Object.entries(commandTimes).map(
        ([name, { medianSeconds, roundTrips, roundTripsOfFastest }]) =>
          `${name.padEnd(18)}${delaysMs.map((ms) => column(medianSeconds[ms])).join("")}${column(roundTrips)}${column(roundTripsOfFastest)}`,
      ),
      "ds4 works on both hosts at once; `ssh true` is the slower one of the two here.",
      "",
      `Start-up, median of 20: node -e 0 ${start.nodeMs.toFixed(0)} ms, ds4 --help ${start.helpMs.toFixed(0)} ms`,
      `Peak memory: ds4 status ${memory.statusMb.toFixed(0)} MB, ds4 apply ${memory.applyMb.toFixed(0)} MB`,
    ],
  };
}
