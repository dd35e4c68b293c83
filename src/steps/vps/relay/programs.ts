import { quote } from "../../../core/script.js";
import type { State } from "../../../core/state.js";
import { unwanted, wanted } from "../../../core/step.js";
import { unitName } from "../../../hosts/relay-design.js";
import type { RelayStep } from "./step.js";
import { idOf, relayCommand } from "./unit-file.js";

/** The programs that pass the ports on, as they run: each its unit's first process, by its command line. */
export const programs: RelayStep = {
  name: "socat",
  layer: "live",
  turnsTraffic: true,
  desired: ({ design }) =>
    new Map(design.relays.map((relay): [string, State] => [relay.id, { command: relayCommand(relay) }])),
  // A pattern stands for all units that systemd has in mind, whether their file is still there or not.
  // Where all control groups are in one tree, what runs is seen there first: it costs nothing.
  probe: () => `[ -d /run/systemd/system ] || exit 0
set -- /sys/fs/cgroup/system.slice/ds4-relay-*
[ ! -e /sys/fs/cgroup/cgroup.controllers ] || [ -e "$1" ] || exit 0
systemctl show -p Id -p MainPID 'ds4-relay-*.service' | awk -F= '
  $1 == "MainPID" { pid = $2 } $1 == "Id" { id = $2 }
  $0 == "" { if (pid > 0) print pid, id; pid = 0 } END { if (pid > 0) print pid, id }' | while read -r pid id; do
  echo "$id $(tr '\\0' ' ' <"/proc/$pid/cmdline")"
done 2>/dev/null
true`,
  parse: (section) =>
    new Map(
      section.stdout.split("\n").flatMap((line): [string, State][] => {
        const [, command = ""] = /^\S+ (.*?) *$/.exec(line) ?? [];
        const id = idOf(line);
        return id === undefined ? [] : [[id, { command }]];
      }),
    ),
  render: (changes, context) => {
    const names = (some: readonly { readonly id: string }[]) =>
      some.map(({ id }) => quote(unitName(id))).join(" ");
    const [stopped, started] = [unwanted(changes), wanted(changes)];
    return [
      ...changes.map(({ id }) => context.mark(id)),
      ...(stopped.length === 0 ? [] : [`systemctl stop ${names(stopped)} 2>/dev/null || :`]),
      ...(started.length === 0
        ? []
        : context.make(started.join(" "), [`systemctl restart ${names(started)}`])),
    ];
  },
};
