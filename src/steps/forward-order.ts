import type { Flow, Forward } from "../inventory/forwards.js";

/** Where packets to the public IPv4 go: those of a flow, or all; to a server, or nowhere but to the VPS. */
export type Turn = { readonly flow?: Flow; readonly server?: string };

/** In the order in which the rules have to stand: what is chosen, what is excepted, all. */
export function turns(forwards: readonly Forward[]): readonly Turn[] {
  return [
    ...forwards.flatMap(({ server, flows }) => flows.map((flow): Turn => ({ flow, server }))),
    ...forwards.flatMap(({ server, all }): readonly Turn[] =>
      all === undefined ? [] : [...all.except.map((flow) => ({ flow })), { server }],
    ),
  ];
}
