import { quote, removeFile } from "../../../core/script.js";
import type { State } from "../../../core/state.js";
import { unwanted, wanted } from "../../../core/step.js";
import { unitName } from "../../../hosts/relay-design.js";
import { fileState, parseFiles, probeFiles, renderFiles } from "../../files.js";
import { reloadUnits } from "../../linux/unit.js";
import type { RelayStep } from "./step.js";
import { idOf, unitFile } from "./unit-file.js";

const folder = "/etc/systemd/system";
const links = `${folder}/multi-user.target.wants`;
const path = (id: string) => `${folder}/${unitName(id)}`;

/** The command that a unit's text says. */
const commandOf = (state: State | undefined) => /^ExecStart=(.*)$/m.exec(String(state?.content ?? ""))?.[1];

/** One systemd unit for each port, enabled. */
export const units: RelayStep = {
  name: "relay",
  layer: "configured",
  desired: ({ site, design }) =>
    new Map(
      design.relays.map((relay): [string, State] => [
        relay.id,
        { ...fileState(unitFile(site.name, relay), "644"), enabled: true },
      ]),
    ),
  probe: () =>
    `for l in ${links}/ds4-relay-*.service; do [ ! -L "$l" ] || echo "enabled $l"; done
${probeFiles([`${folder}/ds4-relay-*.service`])}`,
  parse: (section) => {
    const enabled = new Set(
      section.stdout.split("\n").flatMap((line) => (line.startsWith("enabled ") ? (idOf(line) ?? []) : [])),
    );
    const files = [...parseFiles(section)].flatMap(([file, state]): [string, State][] => {
      const id = idOf(file);
      return id === undefined ? [] : [[id, { ...state, enabled: enabled.has(id) }]];
    });
    // A link that leads nowhere, too, is ds4's.
    return new Map([...[...enabled].map((id): [string, State] => [id, { enabled: true }]), ...files]);
  },
  render: (changes, context) => {
    const gone = unwanted(changes).map(({ id }) => id);
    const made = wanted(changes);
    const named = (chosen: (to: State) => boolean) =>
      made.flatMap(({ id, to }) => (chosen(to) ? [quote(unitName(id))] : [])).join(" ");
    const [enabled, disabled] = [named((to) => to.enabled === true), named((to) => to.enabled !== true)];
    // Where the command is another one, the step for what runs starts it anew.
    const mended = made.flatMap(({ id, from, to }) =>
      from !== undefined && from.content !== to.content && commandOf(from) === commandOf(to)
        ? [quote(unitName(id))]
        : [],
    );
    return [
      ...gone.flatMap((id) => [
        context.mark(id),
        `rm -f ${quote(`${links}/${unitName(id)}`)}`,
        removeFile(path(id)),
      ]),
      ...renderFiles(
        made.flatMap(({ id, from, to }) =>
          to.content === undefined ? [] : [{ id: path(id), ...(from === undefined ? {} : { from }), to }],
        ),
        { ...context, mark: (file) => context.mark(idOf(file) ?? file) },
      ),
      reloadUnits,
      ...(enabled === "" ? [] : context.make(enabled, [`systemctl -q --no-reload enable ${enabled}`])),
      ...(disabled === "" ? [] : [`systemctl -q --no-reload disable ${disabled} 2>/dev/null || :`]),
      ...(mended.length === 0
        ? []
        : context.make(mended.join(" "), [`systemctl try-restart ${mended.join(" ")}`])),
      // Of one that failed, systemd keeps a memory.
      ...(gone.length === 0
        ? []
        : [`systemctl reset-failed ${gone.map((id) => quote(unitName(id))).join(" ")} 2>/dev/null || :`]),
    ];
  },
};
