import { HostError } from "./errors.js";

/** A word that a POSIX shell reads back exactly as `value`: the only way a value gets into a script. */
export function quote(value: string | number): string {
  const text = String(value);
  if (text.includes("\0")) throw new HostError("a shell word can't hold a NUL character");
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/**
 * Lines that write `content` to `path` by way of a temporary file beside it, root's and with `mode` (octal). A folder
 * that is made for a file that only root may read is root's alone, too. `check` is a line about the temporary file,
 * which it removes if that mustn't be. Where it can't be written, `fail` is called, and what was there stays.
 */
export function writeFile(
  path: string,
  content: string,
  mode: string,
  check?: (temporary: string) => string,
): readonly string[] {
  const temporary = quote(`${path}.ds4-new`);
  const folder = quote(path.slice(0, path.lastIndexOf("/")) || "/");
  return [
    `[ -d ${folder} ] || ( umask ${mode.endsWith("00") ? "077" : "022"}; mkdir -p ${folder} )`,
    `( umask 077; printf '%s' ${quote(content)} >${temporary} ) || rm -f ${temporary}`,
    ...(check === undefined ? [] : [check(temporary)]),
    // One line for all: an undo goes on after an error, and mustn't put half a file there.
    `{ chmod ${mode} ${temporary} && ${replaceBy(temporary, quote(path))}; } || fail ${quote(`${path} can't be written`)}`,
  ];
}

/** Removes what `writeFile` wrote, and what a power cut left of it beside its place. */
export function removeFile(path: string): string {
  return `rm -f ${quote(path)} ${quote(`${path}.ds4-new`)}`;
}

/**
 * A line that puts a new file, written completely, in the place of another one; both are shell words. After a power cut,
 * either is there whole: a file system may keep a new name without its content, and an empty hook of ifupdown's ends
 * the bringing up of a device halfway (seen on Debian 12). Where `sync` takes no file, it writes out everything.
 */
export function replaceBy(written: string, path: string): string {
  return `{ sync ${written} 2>/dev/null || sync; } && mv -f ${written} ${path}`;
}

/** The same for a note that an undo needs: after a power cut, what is changed next isn't there without it. Or `fail`. */
export function keepNote(written: string, path: string): string {
  return `{ ${replaceBy(written, path)} && { sync ${path} 2>/dev/null || sync; }; } || fail ${path}" can't be written"`;
}

/**
 * One group, so that a script cut short on its way runs nothing (the closing brace is missing). It reads nothing
 * from standard input, which is the script itself.
 */
export function group(lines: readonly string[]): string {
  return ["{", "exec </dev/null", ...lines, "exit 0", "}", ""].join("\n");
}

/** One part of a read script. An empty `script` runs nothing: its step reads what the other parts print. */
export type Probe = { readonly name: string; readonly script: string };

/** What a probe printed, and how it ended. */
export type Section = { readonly stdout: string; readonly code: number };

/**
 * One script that runs all probes, each in a subshell, between markers that carry `nonce`: text of the host can't
 * be taken for a marker.
 */
export function readScript(probes: readonly Probe[], nonce: string): string {
  const lines = probes.flatMap(({ name, script }) => [
    `echo '@@${nonce} ${name}'`,
    ...(script === "" ? [] : ["(", script.trim(), ") 2>&1"]),
    `printf '\\n@@${nonce} = %s\\n' "$?"`,
  ]);
  return group(["export LC_ALL=C", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", ...lines]);
}

/** Splits what `readScript` printed. @throws HostError where a section is missing or incomplete. */
export function splitSections(
  stdout: string,
  probes: readonly Probe[],
  nonce: string,
): ReadonlyMap<string, Section> {
  const sections = new Map<string, Section>();
  for (const { name } of probes) {
    const begin = `@@${nonce} ${name}\n`;
    const start = stdout.indexOf(begin);
    const end = start < 0 ? -1 : stdout.indexOf(`\n@@${nonce} = `, start + begin.length - 1);
    // With its newline: of a longer number, a first digit would say something else.
    const code = end < 0 ? undefined : /^\d+(?=\n)/.exec(stdout.slice(end + nonce.length + 6))?.[0];
    if (code === undefined) {
      throw new HostError(`the host's answer ends before the part '${name}'`, {
        hint: "the connection or the shell on the host broke off; run the command again",
      });
    }
    sections.set(name, {
      stdout: stdout.slice(start + begin.length, Math.max(end, start + begin.length)),
      code: Number(code),
    });
  }
  return sections;
}

/** The text of a section that must have worked. @throws HostError with the tool's own words. */
export function required(section: Section | undefined, what: string): string {
  if (section === undefined) throw new HostError(`${what} was not read`);
  if (section.code !== 0) {
    throw new HostError(`${what} can't be read: ${section.stdout.trim() || `exit status ${section.code}`}`);
  }
  return section.stdout;
}
