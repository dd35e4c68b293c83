import { runFolder } from "./dead-man-switch.js";
import { group, type Probe, quote, required, type Section } from "./script.js";

/**
 * The lock of a host: one run of ds4 changes it at a time. It is a lease that its holder renews, so one that a dead
 * run left behind ends by itself; the time is the host's uptime, which nobody sets, and the file is gone after a boot.
 */
const file = `${runFolder}/lock`;

/** Long enough for a renewal to be late, short enough to wait for. */
export const leaseSeconds = 60;

/** Who holds a host. */
export type Lease = {
  /** Of the run: hexadecimal digits. */
  readonly run: string;
  /** `user@laptop`, and when it began by the laptop's clock. */
  readonly by: string;
  readonly since: string;
};

export type Holder = Omit<Lease, "run"> & { readonly secondsLeft: number };

const write = ({ run, by, since }: Lease) =>
  `{ printf '%s\\n' ${quote(`run=${run}`)} ${quote(`by=${by}`)} ${quote(`since=${since}`)}; echo "until=$((now + ${leaseSeconds}))"; } >${file}`;

const has = ({ run }: Pick<Lease, "run">) => `grep -qsx ${quote(`run=${run}`)} ${file}`;

const uptime = "read -r now _ </proc/uptime; now=${now%%.*}";

const until = `$(sed -n 's/^until=//p' ${file})`;

/** A condition, after `uptime`. */
const heldByOther = (lease: Lease) => `[ -r ${file} ] && [ "${until}" -gt "$now" ] && ! ${has(lease)}`;

/** Takes the lock, or prints who has it. Comes first in the reading for a change. */
export function lockProbe(lease: Lease): Probe {
  return {
    name: "lock",
    script: `umask 077; mkdir -p ${runFolder}
exec 9>${file}.guard; flock 9
${uptime}
if ${heldByOther(lease)}; then
  echo held; grep -e '^by=' -e '^since=' ${file}; echo "left=$((${until} - now))"
else
  ${write(lease)}
  echo taken
fi`,
  };
}

/** Keeps the lock for another lease; runs the line `otherwise` if another run has taken it, or it was given back. */
export function renewLines(lease: Lease, otherwise: string): readonly string[] {
  return guarded(`${has(lease)} || ${otherwise}`, uptime, write(lease));
}

/** Takes the lock, also where this run has it already; runs the line `otherwise` if another run holds it. */
export function takeLines(lease: Lease, otherwise: string): readonly string[] {
  return [
    `mkdir -p -m 700 ${runFolder}`,
    ...guarded(uptime, `! { ${heldByOther(lease)}; } || ${otherwise}`, write(lease)),
  ];
}

const guarded = (...lines: readonly string[]) => [`exec 7>${file}.guard; flock 7`, ...lines, "exec 7>&-"];

/** Gives the lock back, if this run holds it. */
export function releaseLine(lease: Pick<Lease, "run">): string {
  return `[ ! -e ${file} ] || ( exec 7>${file}.guard; flock 7; ! ${has(lease)} || rm -f ${file} )`;
}

/** Prints who holds the lock, and takes nothing. */
export const holderScript = group([
  `[ -r ${file} ] || exit 0`,
  `exec 7>${file}.guard; flock 7`,
  `${uptime}; grep -e '^by=' -e '^since=' ${file}; echo "left=$((${until} - now))"`,
]);

/** A live holder renews its lock before fewer than this many seconds remain. */
export const leastLeft = (leaseSeconds * 2) / 3 - 5;

/** Who holds the lock instead of us, or undefined where we have it. @throws HostError where it can't be told. */
export function readLock(section: Section | undefined): Holder | undefined {
  const lines = required(section, "the lock").split("\n");
  if (lines.includes("taken")) return undefined;
  return readHolder(lines);
}

/** What `holderScript` printed; `secondsLeft` is below 0 where nobody holds it. */
export function readHolder(lines: readonly string[]): Holder {
  const field = (name: string) =>
    lines.find((line) => line.startsWith(`${name}=`))?.slice(name.length + 1) ?? "";
  return { by: field("by"), since: field("since"), secondsLeft: Number(field("left") || -1) };
}
