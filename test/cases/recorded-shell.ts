import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { HostName } from "../../src/core/hosts.js";
import type { Shell } from "../../src/core/shell.js";

const hosts = new URL("hosts/", import.meta.url);
const lab = fileURLToPath(new URL("../../scripts/lab", import.meta.url));
/** Stands in a recording where each run of ds4 has a nonce of its own. */
const placeholder = "@@NONCE ";

export type { HostName } from "../../src/core/hosts.js";

/** The files of a recorded state, and the marker that `script` asks for; the measuring of the path has none. */
function place(state: string, label: HostName, script: string): { file: URL; marker: string } {
  const marker = /@@[0-9a-f]{12} /.exec(script)?.[0];
  if (marker === undefined && !script.includes("ping -6")) throw new Error("a case runs read scripts only");
  return {
    file: new URL(`${state}/${marker === undefined ? "path" : label}.txt`, hosts),
    marker: marker ?? placeholder,
  };
}

/**
 * A host as it once was: answers each read script with what the real machine printed for it, which lies in
 * hosts/<state>/. Any other script is refused: a case changes nothing.
 */
export function recordedShell(state: string, label: HostName): Shell {
  return {
    label,
    close: async () => {},
    run: async (script) => {
      const { file, marker } = place(state, label, script);
      return { stdout: readFileSync(file, "utf8").replaceAll(placeholder, marker), stderr: "", code: 0 };
    },
  };
}

/** The lab's machine of that name, whose answers to read scripts are kept in hosts/<state>/. */
export function recordingShell(state: string, label: HostName): Shell {
  return {
    label,
    close: async () => {},
    run: async (script) => {
      const { file, marker } = place(state, label, script);
      const { stdout, stderr, status } = spawnSync(lab, ["ssh", label, "sh -s"], {
        input: script,
        encoding: "utf8",
      });
      if (status !== 0) throw new Error(`the lab's ${label} can't be read: ${stderr}`);
      mkdirSync(new URL(`${state}/`, hosts), { recursive: true });
      writeFileSync(file, stdout.replaceAll(marker, placeholder));
      return { stdout, stderr, code: status };
    },
  };
}
