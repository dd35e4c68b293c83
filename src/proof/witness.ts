/** Where the visitor's packets and their answers pass at home: in the tunnel, and behind it for each pair. */
export type OuterHop = "outer_in" | "options_in" | "outer_out";
export type InnerHop = "inner_in" | "to_server" | "answer";

/** Packets at each hop. */
export type WitnessSeen = Readonly<Record<OuterHop, number>> & {
  /** By the pair's key. */
  readonly ways: ReadonlyMap<string, Readonly<Record<InnerHop, number>>>;
};
