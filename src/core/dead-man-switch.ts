import { type HostName, hostNames } from "./hosts.js";
import { group, quote, writeFile } from "./script.js";

/**
 * The dead-man switch of a host: a script that puts everything back, and three who run it unless the change was
 * confirmed before: a timer on the host, the host's next boot, and ds4. It is all in files of the host's own, so it
 * needs neither ds4 nor a connection.
 */

/** On disk, so that a power cut doesn't lose it. */
const folder = "/etc/ds4-undo";
const armedFile = `${folder}/armed`;
export const undoPath = `${folder}/run`;
/** In memory: empty after each boot. */
export const runFolder = "/var/run/ds4";

/** What the switch says of the change that it waits for. */
export type Arming = {
  /** Of this run: hexadecimal digits. */
  readonly run: string;
  readonly command: "apply" | "teardown";
  /** All hosts of the change: an inventory may name others by now. */
  readonly hosts: readonly HostName[];
  /** Who began the change, `user@laptop`, and when by the laptop's clock. */
  readonly by: string;
  readonly since: string;
};

/** An armed switch as it was read. */
export type Armed = Arming & {
  /** Until it fires; 0 where a boot should have run it. */
  readonly secondsLeft: number;
};

/** Whoever decides, a confirmation or an undo, does it alone; one that is killed is out of the way. */
const decide = [`umask 077; mkdir -p ${runFolder}`, `exec 9>${runFolder}/deciding`, "flock 9"];

/** Says that an undo has begun: no change begins any more. */
const undoing = `${runFolder}/undoing`;
/** Says that a run was taken back: what it is still about to arm doesn't count. Empty, and gone with the next boot. */
const over = (run: string) => `${runFolder}/over-${run}`;
/** Says that a run's change was confirmed, or undone, and that no other run has begun one since. Gone with the next boot. */
const ended = (run: string) => `${runFolder}/ended-${run}`;
/** Locked by a change and by all that it has started: what is killed may leave something that is still at work. */
const changing = `${runFolder}/changing`;

const unitPath = "/etc/systemd/system/ds4-undo.service";
const unitLink = "/etc/systemd/system/multi-user.target.wants/ds4-undo.service";
const initLink = "/etc/rc.d/S99ds4-undo";

/** Whether a host is a Linux with the usual tools, and not an OpenWrt with procd. */
const isLinux = (host: HostName) => host !== "router";

const unit = `# Written by ds4.
[Unit]
Description=ds4: takes back a change that was not confirmed before this boot
After=network.target systemd-networkd.service ds4.service

[Service]
Type=oneshot
ExecStart=${undoPath}
`;

/** Takes the switch off, with everything that belongs to it. The timer goes first; it may be what runs this. */
function takeOff(host: HostName): readonly string[] {
  return [
    ...(isLinux(host)
      ? ["[ ! -d /run/systemd/system ] || systemctl stop 'ds4-undo-*.timer' 2>/dev/null || :"]
      : []),
    `[ ! -r ${runFolder}/timer ] || kill "$(cat ${runFolder}/timer)" 2>/dev/null || :`,
    `rm -f ${runFolder}/timer ${runFolder}/change ${undoing} ${isLinux(host) ? `${unitLink} ${unitPath}` : initLink}`,
    `rm -rf ${folder}`,
  ];
}

/** Waits in a session of its own, then undoes; for hosts without systemd's timers. */
function sleeper(host: HostName, seconds: number): string {
  const wait = `sleep ${seconds} & trap "kill $!" TERM; wait $!; rm -f ${runFolder}/timer; [ ! -x ${undoPath} ] || ${undoPath} 2>&1 | logger -t ds4`;
  return !isLinux(host)
    ? `start-stop-daemon -S -b -m -p ${runFolder}/timer -x /bin/sh -- -c ${quote(wait)}`
    : `{ setsid sh -c ${quote(wait)} >/dev/null 2>&1 & echo $! >${runFolder}/timer; }`;
}

/**
 * The undo of a change: `lines` lead back to the state before it, from whatever point it was cut off at. It goes on
 * after an error, and stays where it failed, for the next boot or for `ds4 rollback`.
 */
function undoScript(host: HostName, arming: Arming, lines: readonly string[]): string {
  return `#!/bin/sh
# of run ${arming.run}
# Written by ds4: puts this machine back to how it was before 'ds4 ${arming.command}'. It runs when nobody confirms
# that change in time, and at the next boot; 'ds4 confirm' or 'ds4 rollback' ends the waiting.
{
export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
cd /
exec </dev/null
# Whoever began this may go away: it goes on.
trap '' HUP PIPE INT
${decide.join("\n")}
# What is started here doesn't get the lock.
{
failed=no
fail() { echo "$*" >&2; failed=yes; }
if [ -e ${armedFile} ]; then
# The change itself may still be running, and a program of its when it has ended: 20 seconds at most.
: >${undoing}
[ ! -r ${runFolder}/change ] || { read -r p <${runFolder}/change; case "$(tr '\\0' ' ' <"/proc/$p/cmdline")" in *'sh -s'*) kill "$p" ;; esac; } 2>/dev/null
{ n=0; until flock -n 8 || [ $n -ge 20 ]; do sleep 1; n=$((n+1)); done; } 8>${changing}
for f in before packages; do
  [ ! -e ${folder}/kept/$f ] || { mkdir -p -m 700 /etc/ds4; rm -rf /etc/ds4/$f; cp -a ${folder}/kept/$f /etc/ds4/$f; }
done
${lines.join("\n")}
[ "$failed" = no ] || exit 1
: >${ended(arming.run)}
sync
rm -f ${armedFile}
sync
fi
${takeOff(host).join("\n")}
sync
exit 0
} 9>&-
}
`;
}

/**
 * Arms the switch: from now on the host goes back by itself after `seconds`. Changes nothing else. A run that slept, and
 * lost its lock, is too late where another one has armed it.
 */
export function armLines(
  host: HostName,
  arming: Arming,
  seconds: number,
  undo: readonly string[],
): readonly string[] {
  const { run, command, hosts, by, since } = arming;
  const fields = { run, command, hosts: hosts.join(","), by, since };
  const text = Object.entries(fields).map(([name, value]) => `${name}=${value}\n`);
  return [
    `[ ! -e ${armedFile} ] || ${isOf(run)} || fail 'another change waits to be confirmed'`,
    `mkdir -p -m 700 ${runFolder} ${folder}; rm -f ${runFolder}/change ${undoing}`,
    `for f in ${over("*")} ${ended("*")}; do [ "$f" = ${over(run)} ] || rm -f "$f"; done`,
    // Notes of what was there before ds4: an undo of a teardown needs them again.
    `rm -rf ${folder}/kept; mkdir ${folder}/kept; for f in before packages; do [ ! -e /etc/ds4/$f ] || cp -a /etc/ds4/$f ${folder}/kept/$f; done`,
    ...writeFile(undoPath, undoScript(host, arming, undo), "700"),
    ...(isLinux(host)
      ? [
          "if [ -d /run/systemd/system ]; then",
          // Not 600: systemd warns of units that not everybody may read (seen on 252).
          ...writeFile(unitPath, unit, "644"),
          `mkdir -p /etc/systemd/system/multi-user.target.wants; ln -sf ${unitPath} ${unitLink}`,
          "fi",
        ]
      : [`ln -sf ${undoPath} ${initLink}`]),
    "read -r up _ </proc/uptime",
    `( umask 077; { printf '%s' ${quote(text.join(""))}; echo "until=$((\${up%%.*} + ${seconds}))"; echo "boot=$(cat /proc/sys/kernel/random/boot_id)"; } >${folder}/new )`,
    ...(isLinux(host)
      ? [
          "if [ -d /run/systemd/system ]; then",
          `systemd-run --quiet --collect --unit=ds4-undo-${arming.run} --on-active=${seconds} --timer-property=AccuracySec=100ms /bin/sh -c ${quote(`[ ! -x ${undoPath} ] || exec ${undoPath}`)}`,
          `else ${sleeper(host, seconds)}; fi`,
        ]
      : [sleeper("router", seconds)]),
    // An undo may have come before.
    `( flock 9; [ ! -e ${over(run)} ] && mv ${folder}/new ${armedFile} ) 9>${runFolder}/deciding || {`,
    ...takeOff(host),
    "fail 'it was stopped while it was being armed'",
    "}",
    "sync",
  ];
}

const isOf = (run: string) => `grep -qsx ${quote(`run=${run}`)} ${armedFile}`;

/** Before the lines of a change of `run`: whoever undoes it ends it first. And a change without its switch is none. */
export const underSwitch = (run: string): readonly string[] => [
  "fired() { echo 'the dead-man switch has fired already' >&2; exit 1; }",
  `${isOf(run)} || fired`,
  `( umask 077; echo $$ >${runFolder}/change; : >>${changing} )`,
  // Asked after that: an undo that begins now finds whom to end.
  `[ ! -e ${undoing} ] || fired`,
  // Somebody's daemon that a former change started may still have it: no reason not to go on.
  `exec 8>${changing}; flock -n 8 || :`,
];

/**
 * Before the lines that take a change of `run` back step by step, where its undo did not: they are for what that run has
 * left, never for what another one has made since. An undo that is still at it is waited for.
 */
export const onlyAfter = (run: string): readonly string[] => [
  `mkdir -p -m 700 ${runFolder}; ( flock 9 ) 9>${runFolder}/deciding`,
  `[ -e ${ended(run)} ] || ${isOf(run)} || fail 'it was changed by another run of ds4 since, or has booted'`,
];

/** Makes the change of `run` last. Exit status 3: it is too late, the host has gone back or is about to. */
export function confirmScript(host: HostName, run: string, last: readonly string[] = []): string {
  return group([
    "export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin",
    ...decide,
    `${isOf(run)} || exit 3`,
    // After a power cut, too, what was changed is there.
    "sync",
    `: >${ended(run)}`,
    // This is the moment.
    `rm -f ${armedFile}`,
    "sync",
    ...takeOff(host),
    ...last,
    "sync",
    "echo '@ds4 switch confirmed'",
  ]);
}

/**
 * Runs the undo now, of `run` alone if it is said: what that is still about to arm isn't armed any more. Nothing happens
 * where no switch is armed.
 */
export function undoNow(run?: string, last: readonly string[] = []): string {
  // Not to our channel: it would end with that.
  const log = `${runFolder}/undo.log`;
  const undo = `${undoPath} >${log} 2>&1 || { cat ${log} >&2; exit 1; }`;
  return group([
    `umask 077; mkdir -p ${runFolder}`,
    ...(run === undefined
      ? [`[ ! -x ${undoPath} ] || ${undo}`]
      : [
          `( flock 9; : >${over(run)} ) 9>${runFolder}/deciding`,
          `! grep -qsx ${quote(`# of run ${run}`)} ${undoPath} || ${undo}`,
        ]),
    ...last,
  ]);
}

/** Prints the armed switch, if there is one. */
export const switchProbe = {
  name: "switch",
  script: `[ ! -r ${armedFile} ] || { cat ${armedFile}; read -r up _ </proc/uptime; echo "uptime=\${up%%.*}"; echo "booted=$(cat /proc/sys/kernel/random/boot_id)"; }`,
};

/** What `switchProbe` printed; undefined where nothing is armed. */
export function parseSwitch(text: string): Armed | undefined {
  const fields = new Map(
    text.split("\n").flatMap((line): [string, string][] => {
      const at = line.indexOf("=");
      return at < 0 ? [] : [[line.slice(0, at), line.slice(at + 1)]];
    }),
  );
  const field = (name: string) => fields.get(name) ?? "";
  if (field("run") === "") return undefined;
  const sameBoot = field("boot") === field("booted");
  const left = Number(field("until")) - Number(field("uptime"));
  return {
    run: field("run"),
    command: field("command") === "teardown" ? "teardown" : "apply",
    hosts: hostNames.filter((host) => field("hosts").split(",").includes(host)),
    by: field("by"),
    since: field("since"),
    secondsLeft: sameBoot && Number.isFinite(left) ? Math.max(0, left) : 0,
  };
}
