import { keepNote, quote, required } from "../../core/script.js";
import type { State } from "../../core/state.js";
import { unwanted, wanted } from "../../core/step.js";
import type { RouterStep } from "./step.js";

const list = "/etc/ds4/packages";
const earlier = `${list}.before`;
/** What is asked for; the list also has what comes along. */
const [kernelModule, ipTool] = ["kmod-ip6-tunnel", "ip-tiny"] as const;
const isRoot = (name: string) => name === kernelModule || name === ipTool;

/** Prints the names of all packages. Not `opkg list-installed`, which says nothing while another opkg runs. */
const installed = `installed() { if command -v apk >/dev/null; then apk info 2>/dev/null; else awk '$1 == "Package:" { p = $2 } $1 == "Status:" && $NF == "installed" { print p }' /usr/lib/opkg/status; fi; }`;

/** Adds to the list what has come since the install began. */
const note = `[ ! -r ${earlier} ] || { ( umask 077; { [ ! -r ${list} ] || cat ${list}; installed | grep -vxF -f ${earlier} || :; } | sort -u >${list}.new ) && ${keepNote(`${list}.new`, list)}; rm -f ${earlier}; }`;

/**
 * OpenWrt packages that are missing: the kernel module, and an `ip` that can make tunnels (BusyBox's can't). What
 * ds4 installed, dependencies included, it writes down; that alone it removes again.
 */
export const packages: RouterStep = {
  name: "package",
  layer: "configured",
  desired: ({ router }) => {
    const names = new Set(router.ownPackages.filter(isRoot));
    if (!router.tunnelModule) names.add(kernelModule);
    if (!router.tunnelTool) names.add(ipTool);
    return new Map([...names].map((name): [string, State] => [name, { installed: true }]));
  },
  probe: () => `[ -r ${list} ] || exit 0
${installed}
all=$(installed) && [ -n "$all" ] || exit 1
while read -r p; do case "
$all
" in *"
$p
"*) echo "$p" ;; esac; done <${list}
true`,
  parse: (section) =>
    new Map(
      required(section, "the router's packages")
        .split("\n")
        .filter(isRoot)
        .map((name): [string, State] => [name, { installed: true }]),
    ),
  render: (changes, context) => {
    const install = wanted(changes).map(({ id }) => quote(id));
    const remove = unwanted(changes).map(({ id }) => id);
    return [
      ...changes.map(({ id }) => context.mark(id)),
      'if command -v apk >/dev/null; then get="apk add" update="apk update" drop="apk del"; else get="opkg install" update="opkg update" drop="opkg remove"; fi',
      installed,
      // LuCI's page of packages may be at it: half a minute at most.
      'locked() { case $said in *" lock "*) ;; *) return 1 ;; esac; }',
      'manage() { n=0; until said=$("$@" 2>&1); do locked && [ $n -lt 30 ] || return 1; sleep 1; n=$((n+1)); done; }',
      ...(install.length === 0
        ? []
        : [
            "mkdir -p -m 700 /etc/ds4",
            // Kept until it is known what came: also after a power cut in between.
            `( umask 077; installed | sort >${earlier}.new ) && [ -s ${earlier}.new ] && ${keepNote(`${earlier}.new`, earlier)}`,
            // An update fails where one of its feeds does, be it none of these packages'.
            `manage $get ${install.join(" ")} || { manage $update || :; manage $get ${install.join(" ")}; } || fail "$get failed: $said"`,
            note,
          ]),
      // One that something else has come to need stays: the package manager says so, and that is no failure.
      ...(remove.length === 0
        ? []
        : [
            note,
            `if [ -r ${list} ] && ! manage $drop $(cat ${list}) && locked; then fail "$drop failed: $said"; else rm -f ${list} ${list}.new; fi`,
          ]),
    ];
  },
  conflicts: ({ router }) =>
    (router.tunnelModule && router.tunnelTool) || router.packageManager !== undefined
      ? []
      : [
          {
            host: "router",
            message:
              "the router lacks the kernel module ip6_tunnel or a full 'ip', and has no package manager",
            hint: "put kmod-ip6-tunnel and ip-tiny into its image",
          },
        ],
};
