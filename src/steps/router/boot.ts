import { quote, replaceBy, required } from "../../core/script.js";
import type { State } from "../../core/state.js";
import type { RouterStep } from "./step.js";
import { initScriptPath } from "./tunnel.js";

const conf = "/etc/sysupgrade.conf";
/** It is written whole, beside its place: it is the user's, and a power cut or a full overlay may come at any moment. */
const made = `${conf}.ds4-new`;
const copy = `{ [ ! -e ${conf} ] && : >${made} || cp -p ${conf} ${made}; }`;
/** What a firmware upgrade would drop: all but /etc/config and a few more (`sysupgrade -l`). */
const kept = ["/etc/ds4/", initScriptPath, "/etc/rc.d/S19ds4"];

/** The init script's place in the boot, and its survival of a firmware upgrade. */
export const boot: RouterStep = {
  name: "boot",
  layer: "configured",
  desired: () =>
    new Map<string, State>([
      ["ds4", { enabled: true }],
      ...kept.map((path): [string, State] => [`${conf}:${path}`, { kept: true }]),
    ]),
  probe: () => `for l in /etc/rc.d/S*ds4; do [ ! -L "$l" ] || echo "enabled $l"; done
[ ! -r ${conf} ] || for p in ${kept.join(" ")}; do grep -qxF "$p" ${conf} && echo "kept $p"; done
true`,
  parse: (section) =>
    new Map(
      required(section, "the router's boot")
        .split("\n")
        .flatMap((line): [string, State][] => {
          const [word, path] = line.split(" ");
          if (word === "enabled") return [["ds4", { enabled: true }]];
          return word === "kept" ? [[`${conf}:${path}`, { kept: true }]] : [];
        }),
    ),
  render: (changes, context) =>
    changes.flatMap(({ id, to }) => {
      if (id === "ds4") {
        return [context.mark(id), to ? `${initScriptPath} enable || :` : "rm -f /etc/rc.d/S19ds4"];
      }
      const path = quote(id.slice(conf.length + 1));
      return [
        context.mark(id),
        // A script that was cut off may have left it.
        `rm -f ${made}`,
        to
          ? // A last line without its newline would swallow the new one.
            `grep -qsxF ${path} ${conf} || { ${copy} && { [ ! -s ${made} ] || [ -z "$(tail -c 1 ${made})" ] || echo; echo ${path}; } >>${made} && ${replaceBy(made, conf)}; } || fail "${conf} can't be written"`
          : // grep ends with 1 where no line is left.
            `! grep -qsxF ${path} ${conf} || { ${copy} && { grep -vxF ${path} ${conf} >${made} || [ $? -eq 1 ]; } && if [ -s ${made} ]; then ${replaceBy(made, conf)}; else rm -f ${conf} ${made}; fi; } || fail "${conf} can't be written"`,
      ];
    }),
};
