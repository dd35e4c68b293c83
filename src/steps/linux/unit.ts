import { required } from "../../core/script.js";
import type { World } from "../../hosts/world.js";
import type { LinuxStep } from "./boot.js";
import type { Role } from "./role.js";

const name = "ds4.service";

export const reloadUnits = 'systemctl daemon-reload || fail "systemctl daemon-reload failed"';

/** The systemd unit that runs the boot script: enabled for the next boot, and active so that restarts reach it. */
export function unitStep<W extends World>(role: Role<W>): LinuxStep<W> {
  return {
    name: "unit",
    layer: "configured",
    turnsTraffic: role.turnsTraffic,
    desired: (world) =>
      role.end(world).persist === "systemd" ? new Map([[name, { enabled: true, active: true }]]) : new Map(),
    // The link is what counts at boot; of a unit's state, systemd remembers what it was when it read its files.
    probe: () => `set -- /etc/systemd/system/${name} /etc/systemd/system/multi-user.target.wants/${name}
[ -e "$1" ] || [ -L "$2" ] || exit 0
[ ! -L "$2" ] || echo enabled
systemctl show -p ActiveState ${name}`,
    parse: (section) => {
      const lines = required(section, `the unit ${name}`).split("\n");
      if (lines.every((line) => line === "")) return new Map();
      const is = (line: string) => lines.includes(line);
      return new Map([[name, { enabled: is("enabled"), active: is("ActiveState=active") }]]);
    },
    render: (changes, context) =>
      changes.flatMap(({ id, to }) => [
        context.mark(id),
        ...(to
          ? context.make(id, [
              // Its file is read already; reading all again takes a small machine a second.
              `systemctl -q --no-reload ${to.enabled ? "enable" : "disable"} ${name}`,
              `systemctl ${to.active ? "restart" : "stop"} ${name}`,
            ])
          : [
              // Of a unit whose file is empty, as after a power cut, systemd leaves the link.
              `systemctl -q --no-reload disable --now ${name} 2>/dev/null || :; rm -f /etc/systemd/system/multi-user.target.wants/${name}`,
            ]),
      ]),
  };
}
