import { type Entrance, usedEntrances } from "../hosts/entrances.js";

/** A visitor of a public IPv4, and a server that gets something of it. */
export type Pair = { readonly visitor: string; readonly server: string };

/** All of them, in the inventory's order. */
export const pairsOf = ({ entrances }: { readonly entrances: readonly Entrance[] }): readonly Pair[] =>
  usedEntrances(entrances).flatMap(({ visitor, forwards }) =>
    forwards.map(({ server }) => ({ visitor, server })),
  );

/** What a pair is called. */
export const keyOf = ({ visitor, server }: Pair) => `${visitor} to ${server}`;

/** Where the visitor's packets and their answers pass at home: in the tunnel, and behind it for each pair. */
export type OuterHop = "outer_in" | "options_in" | "outer_out";
export type InnerHop = "inner_in" | "to_server" | "answer";

/** Packets at each hop. */
export type WitnessSeen = Readonly<Record<OuterHop, number>> & {
  /** By the pair's key. */
  readonly ways: ReadonlyMap<string, Readonly<Record<InnerHop, number>>>;
};
