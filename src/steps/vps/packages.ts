import { quote } from "../../core/script.js";
import type { State } from "../../core/state.js";
import { unwanted, wanted } from "../../core/step.js";
import type { VpsStep } from "./boot.js";

const list = "/etc/ds4/packages";

/**
 * Debian packages that are missing: iptables is optional on Debian, and comes with conntrack, which teardown wants.
 * What ds4 installed, dependencies included, it writes down; that alone it removes again.
 */
export const packages: VpsStep = {
  name: "package",
  layer: "configured",
  desired: ({ vps }) => {
    const names = new Set(vps.ownPackages);
    if (vps.iptables === "") {
      names.add("iptables");
      if (!vps.conntrack) names.add("conntrack");
    }
    return new Map([...names].map((name): [string, State] => [name, { installed: true }]));
  },
  probe:
    () => `[ ! -r ${list} ] || xargs -r dpkg-query -W -f '\${Package} \${db:Status-Status}\\n' <${list} 2>/dev/null
true`,
  parse: (section) =>
    new Map(
      section.stdout.split("\n").flatMap((line): [string, State][] => {
        const [name, status] = line.split(" ");
        return name && status === "installed" ? [[name, { installed: true }]] : [];
      }),
    ),
  render: (changes, context) => {
    const install = wanted(changes).map(({ id }) => quote(id));
    const remove = unwanted(changes).map(({ id }) => quote(id));
    const apt = "DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=60";
    const installed =
      "dpkg-query -W -f '${db:Status-Status} ${Package}\\n' | sed -n 's/^installed //p' | sort";
    return [
      ...changes.map(({ id }) => context.mark(id)),
      ...(install.length === 0
        ? []
        : [
            "mkdir -p /etc/ds4; chmod 700 /etc/ds4",
            `before=$(${installed})`,
            `${apt} install --no-install-recommends ${install.join(" ")} >/dev/null 2>&1 || { ${apt} update >/dev/null && ${apt} install --no-install-recommends ${install.join(" ")} >/dev/null; }`,
            `{ [ ! -r ${list} ] || cat ${list}; ${installed} | while read -r p; do case "
$before
" in *"
$p
"*) ;; *) echo "$p" ;; esac; done; } | sort -u >${list}.new && mv ${list}.new ${list}`,
          ]),
      ...(remove.length === 0 ? [] : [`${apt} purge ${remove.join(" ")} >/dev/null`, `rm -f ${list}`]),
    ];
  },
};
