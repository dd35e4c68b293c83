import { runFolder } from "../core/dead-man-switch.js";
import { group, quote } from "../core/script.js";
import { targetOf } from "../hosts/relay-design.js";
import { apt } from "../steps/linux/packages.js";

/** Marks the rules of the relay, which are gone when it ends. */
const comment = "ds4-bench";
/** As long as it is there, the relay of this run goes on. */
const runFile = (run: string) => `${runFolder}/bench-${run}`;

/** Where the relay listens and leads to. */
type RelayTo = {
  /** The VPS's IPv4 address. */
  readonly listen: string;
  /** The home server's IPv6 address or name, and its port. */
  readonly server: string;
  readonly port: number;
  /** Seconds until it ends by itself, at the latest. */
  readonly seconds: number;
  /** Tells it from the relays of other runs. */
  readonly run: string;
};

/**
 * A relay by socat on a spare port of the VPS, for one measurement: prints `ready PORT`, runs until `stopRelay` or until
 * nobody reads any more what it prints, and removes all that it made, the package included. Ends with 3 where there is no socat and none can be installed.
 */
export function relayScript({ listen, server, port, seconds, run }: RelayTo): string {
  const get = `${apt} install --no-install-recommends socat`;
  const accept = `-d ${quote(`${listen}/32`)} -p tcp --dport "$port" -m comment --comment ${comment} -j ACCEPT`;
  const [nat, input] = [`PREROUTING ${accept}`, `INPUT ${accept}`];
  return group([
    "export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin",
    `umask 077; mkdir -p ${runFolder}; : >${runFile(run)}`,
    "new='' pid='' port=''",
    "clean() {",
    "  trap '' HUP INT TERM PIPE; exec >/dev/null 2>&1",
    '  [ -z "$pid" ] || kill "$pid" 2>/dev/null',
    `  [ -z "$port" ] || { iptables -w -t nat -D ${nat}; iptables -w -D ${input}; } 2>/dev/null`,
    `  [ -z "$new" ] || ${apt} purge $new >/dev/null`,
    `  rm -f ${runFile(run)}`,
    "}",
    "trap clean EXIT",
    "trap 'exit 1' HUP INT TERM PIPE",
    "if ! command -v socat >/dev/null; then",
    `  new=$(${get} --simulate 2>/dev/null) || { ${apt} update >/dev/null && new=$(${get} --simulate 2>/dev/null); } || { new=''; echo "apt-get can't install socat" >&2; exit 3; }`,
    `  new=$(echo "$new" | sed -n 's/^Inst \\([^ ]*\\).*/\\1/p')`,
    `  ${get} >/dev/null || exit 3`,
    "fi",
    "taken=$(ss -Hltn | sed 's/.*:\\([0-9]*\\) .*/ \\1 /'); p=42080",
    'while case "$taken" in *" $p "*) true ;; *) false ;; esac; do p=$((p+1)); done; port=$p',
    // Before what leads home, and before what refuses visitors.
    `! command -v iptables >/dev/null || { iptables -w -t nat -I ${nat} && iptables -w -I ${input}; } || exit 1`,
    `socat TCP4-LISTEN:$port,bind=${quote(listen)},fork,reuseaddr,backlog=64,max-children=64 ${quote(`TCP6:${targetOf({ server, to: port })}`)} 2>/dev/null & pid=$!`,
    'n=0; until ss -Hltn "sport = :$port" | grep -q .; do n=$((n+1)); [ $n -lt 200 ] || { echo "socat does not listen" >&2; exit 1; }; sleep 0.1; done',
    'echo "ready $port"',
    // Printing fails once the connection is gone, and ds4 with it.
    `n=0; while [ -e ${runFile(run)} ] && [ $n -lt ${seconds} ] && kill -0 "$pid" 2>/dev/null; do sleep 1; n=$((n+1)); echo || exit 1; done`,
  ]);
}

/** Ends the relay of a run. */
export const stopRelay = (run: string) => group([`rm -f ${runFile(run)}`]);
