import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestShell } from "../../shells.js";

/** What does nothing but to files that it is given, all of them in the sandbox. */
const harmless =
  "awk cat chmod cp cut find grep head ls mkdir mktemp mv printf rm rmdir sed sort tail tr true uniq wc xargs".split(
    " ",
  );
/** What would act on this machine. */
const idle =
  "apk apt-get chown conntrack dpkg-query date df flock fw4 id ip ip6tables ip6tables-restore ip6tables-save iptables iptables-restore iptables-save kill logger modprobe networkctl nft opkg ping sleep start-stop-daemon sync sysctl systemctl systemd-run tc ubus uci".split(
    " ",
  );
/** The command that hostile text tries to run. */
export const trap = "ds4-pwned";

/**
 * A folder that stands for the root of a host: scripts run with their paths led into it, the file tools of `shell`,
 * and commands that do nothing for the rest.
 */
export function makeSandbox(shell: TestShell, tunnel: string) {
  const root = mkdtempSync(join(tmpdir(), "ds4-sandbox-"));
  const bin = join(root, "bin");
  for (const folder of [
    "bin",
    "etc/init.d",
    "etc/config",
    "etc/systemd/network",
    "tmp",
    "proc/sys/net/ipv4/conf/all",
    `proc/sys/net/ipv4/conf/${tunnel}`,
  ])
    mkdirSync(join(root, folder), { recursive: true });
  const tools = shell.path?.split(":") ?? [];
  for (const name of ["sh", ...harmless]) {
    const folder = tools.find((candidate) => existsSync(join(candidate, name)));
    if (folder === undefined) throw new Error(`${shell.name} has no ${name}`);
    symlinkSync(join(folder, name), join(bin, name));
  }
  const executable = (path: string, text: string) => {
    writeFileSync(path, text);
    chmodSync(path, 0o755);
  };
  // What is deleted until there is none left is gone; uci stages what it is told.
  for (const name of idle)
    executable(
      join(bin, name),
      `#!/bin/sh
case "${name} $*" in
*" -D "* | "ip rule del"*) exit 1 ;;
"uci batch"*) exec cat >'${root}/staged' ;;
"uci changes"*) [ ! -e '${root}/staged' ] || exec grep "^[a-z_]* $2[.]" '${root}/staged' ;;
"uci commit"*) ;;
esac
exit 0
`,
    );
  for (const file of ["ip_forward", "conf/all/forwarding", "conf/all/accept_redirects"])
    writeFileSync(join(root, "proc/sys/net/ipv4", file), "0\n");
  executable(join(bin, trap), `#!/bin/sh\necho caught >'${root}/caught'\n`);
  executable(join(root, "etc/rc.common"), '#!/bin/sh\n. "$1"; shift; enable() { :; }; "$@"\n');
  for (const name of ["network", "firewall"]) executable(join(root, "etc/init.d", name), "#!/bin/sh\n");

  return {
    /** Runs a script by standard input, as ds4 does. */
    run(script: string) {
      const inside = script
        .replace(/(?<![\w.}*])\/(?=(?:etc|proc|sys|var|run|tmp|lib)\b)/g, `${root}/`)
        .replaceAll("/usr/sbin:/usr/bin:/sbin:/bin", bin)
        // Nothing comes that would be waited for.
        .replaceAll("-ge 20", "-ge 1");
      const [file, ...args] = shell.command;
      const { stdout, stderr, status } = spawnSync(file, [...args, "-s"], {
        input: inside,
        cwd: root,
        env: { PATH: bin },
        encoding: "utf8",
        timeout: 20_000,
      });
      return { stdout, stderr, code: status };
    },
    /** Whether hostile text was run, or made a file of its own. */
    caught: () => existsSync(join(root, "caught")) || readdirSync(root).some((name) => name.includes(trap)),
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
}

/** Text that runs the trap where it is read as anything but text. */
export const hostile: readonly string[] = [
  `$(${trap})`,
  `\`${trap}\``,
  `;${trap};`,
  `\n${trap}\n`,
  `\r\n${trap}\r\n`,
  `'\n${trap}\n'`,
  `'$(${trap})'`,
  `'\\''$(${trap})'\\''`,
  `"$(${trap})"`,
  `\\"$(${trap})\\"`,
  `|${trap}`,
  `&&${trap}&`,
  `\nDS4\n${trap}\n`,
  `\n}\n${trap}\n`,
  `-${trap}`,
  `--help $(${trap})`,
  `\${IFS}$(${trap})`,
  `é€😀$(${trap})`,
  `>${trap}`,
  `<(${trap})`,
  `{${trap},}`,
  `%n%s$(${trap})`,
  `%$(${trap})`,
  `\u2028${trap}\u2028`,
  `\u0000$(${trap})`,
  `../../${trap}`,
  `$(${trap})${"x".repeat(5000)}`,
];
