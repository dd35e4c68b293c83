import { withoutWarnings } from "../hosts/linux/iptables-save.js";

/** The packets that rules counted: the sum over those lines of `iptables-save -c` that are chosen. */
export function countPackets(saved: string, chosen: (line: string) => boolean): number {
  return withoutWarnings(saved)
    .split("\n")
    .filter(chosen)
    .reduce((sum, line) => sum + Number(/^\[(\d+):/.exec(line)?.[1] ?? 0), 0);
}
