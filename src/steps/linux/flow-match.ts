import { type Flow, showPorts } from "../../inventory/forwards.js";
import { protocolWord } from "../../inventory/protocols.js";

/** What of iptables' conditions a flow comes to. */
export function matchOf({ protocol, ports }: Flow): string {
  const word = protocolWord(protocol);
  return `-p ${word}${ports === undefined ? "" : ` -m ${word} --dport ${showPorts(ports).replace("-", ":")}`}`;
}
