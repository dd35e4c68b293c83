import { runFolder } from "../../core/dead-man-switch.js";
import { keepNote, quote } from "../../core/script.js";
import type { Items, State } from "../../core/state.js";
import { unwanted, wanted } from "../../core/step.js";
import type { LinuxFacts } from "../../hosts/linux/facts.js";
import type { World } from "../../hosts/world.js";
import type { LinuxStep } from "./boot.js";
import type { Role } from "./role.js";

const list = "/etc/ds4/packages";
const words = `${runFolder}/apt`;

/** apt-get without questions; somebody else's run of it is waited for. */
export const apt = "DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=60";

/**
 * A shell function that runs apt-get, without its words where it works. Where somebody else's run of it has the lock of the
 * lists or of the downloads, for which apt-get itself doesn't wait (seen on 2.6.1), that is waited for: 40 s in all.
 */
const patiently = [
  `tries=0; mkdir -p -m 700 ${runFolder}`,
  // Its words to a file: a program that it leaves behind may keep a pipe open.
  `patiently() { until ${apt} "$@" >/dev/null 2>${words}; do`,
  `  [ $tries -lt 20 ] && grep -q 'get lock .*/\\(lists\\|archives\\)/lock' ${words} || { cat ${words} >&2; return 1; }`,
  "  tries=$((tries+1)); sleep 2",
  "done; }",
];

/** What is installed for itself, and not because something else needs it. */
const roots = ["iptables", "conntrack", "socat"];

/** What ds4 installed before, but for a relay's, and what is missing of the rules' tools. */
export function basePackages(
  { ownPackages, iptables, conntrack }: LinuxFacts,
  { packages }: Pick<Role<World>, "packages">,
): readonly string[] {
  const missing = packages.filter((name) => (name === "conntrack" ? !conntrack : iptables === ""));
  const before = ownPackages.filter((name) => roots.includes(name) && name !== "socat");
  return [...new Set([...before, ...missing])];
}

/** The items of these packages. */
export function packageItems(names: readonly string[]): Items {
  return new Map(names.map((name): [string, State] => [name, { installed: true }]));
}

/** Leaves in `gone` only what takes nothing of others along: they may have come to need it. That goes with the last of them. */
const leaveNeeded = [
  // What somebody wants to keep as it is isn't ds4's any more.
  `held=" $(apt-mark showhold | tr '\\n' ' ')"; free=; for p in $gone; do case $held in *" $p "*) ;; *) free="$free $p" ;; esac; done; gone=$free`,
  `all=$gone; takes() { apt-get -q -s purge "$@" 2>/dev/null | sed -nE 's/^(Purg|Remv) ([^ ]*).*/\\2/p'; }`,
  `alone() { ! takes "$@" | grep -vxF "$(printf '%s\\n' $all)" | grep -q .; }`,
  'alone $all || { gone=; for p in $all; do if alone "$p"; then gone="$gone $p"; else apt-mark auto "$p" >/dev/null 2>&1 || :; fi; done; }',
];

/**
 * Debian packages that are missing: iptables is optional on Debian, and so is conntrack, without which connections
 * would outlive their forward.
 * What ds4 installed, dependencies included, it writes down; that alone it removes again.
 */
export function packagesStep<W extends World>(role: Role<W>): LinuxStep<W> {
  return {
    name: "package",
    layer: "configured",
    desired: (world) => packageItems(basePackages(role.facts(world), role)),
    probe:
      () => `[ ! -r ${list} ] || xargs -r dpkg-query -W -f '\${Package} \${db:Status-Status}\\n' <${list} 2>/dev/null
true`,
    parse: (section) =>
      new Map(
        section.stdout.split("\n").flatMap((line): [string, State][] => {
          const [name, status] = line.split(" ");
          // What came along with one of these goes with the last of them.
          return name && roots.includes(name) && status === "installed" ? [[name, { installed: true }]] : [];
        }),
      ),
    render: (changes, context) => {
      const install = wanted(changes).map(({ id }) => quote(id));
      const remove = unwanted(changes).map(({ id }) => quote(id));
      const get = `install --no-install-recommends ${install.join(" ")}`;
      const simulate = `${apt} ${get} --simulate 2>/dev/null`;
      return [
        ...changes.map(({ id }) => context.mark(id)),
        ...patiently,
        ...(install.length === 0
          ? []
          : [
              "mkdir -p -m 700 /etc/ds4",
              // Written down first: whatever happens in between, it is known what is ds4's to remove. Not what is only
              // upgraded, which has its former version in brackets.
              `new=$(${simulate}) || { patiently update && new=$(${simulate}); } || fail "apt-get can't install what is missing"`,
              `( umask 077; { [ ! -r ${list} ] || cat ${list}; echo "$new" | sed -n 's/^Inst \\([^ ]*\\) (.*/\\1/p'; } | sort -u >${list}.new ) && ${keepNote(`${list}.new`, list)}`,
              `patiently ${get} 2>/dev/null || { patiently update && patiently ${get}; } || fail ${quote(`apt-get can't install ${install.join(" ")}`)}`,
            ]),
        ...(remove.length === 0
          ? []
          : [
              `gone=${quote(remove.join(" "))}`,
              `others() { [ ! -r ${list} ] || printf '%s\\n' $gone | grep -vxF -f - ${list}; }`,
              // With the last of those that were installed for themselves, all goes that came along.
              `others | grep -qx ${roots.map((name) => `-e ${name}`).join(" ")} || gone="$gone $([ ! -r ${list} ] || cat ${list})"`,
              `rest=$(others || :)`,
              ...leaveNeeded,
              // One that was cut off leaves dpkg to be tidied up first.
              `if [ -n "$gone" ] && ! { patiently purge $gone || { dpkg --configure -a >/dev/null && patiently purge $gone; }; }; then fail "apt-get can't remove $gone"`,
              `elif [ -n "$rest" ]; then ( umask 077; echo "$rest" >${list}.new ) && ${keepNote(`${list}.new`, list)}; else rm -f ${list} ${list}.new; rmdir /etc/ds4 2>/dev/null || :; fi`,
            ]),
      ];
    },
  };
}
