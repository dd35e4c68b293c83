import type { Probe, Section } from "../core/script.js";
import type { Proof } from "./judge.js";

/** How a mode shows that the new way carries packets. */
export type PathProof = {
  /** A visitor on the VPS, once all is set up. */
  readonly visitor: Probe;
  /** Counters on the router: what makes them before the change, and what is read when the visitor has been there. */
  readonly witness?: { readonly lines: readonly string[]; readonly probe: Probe };
  judge(seen: PathSections): PathJudgement;
};

/** What the visitor and the counters printed. */
export type PathSections = {
  readonly visitor: Section | undefined;
  readonly witness: Section | undefined;
  /** The VPS's vendor, as its firmware names it. */
  readonly vendor: string;
};

export type PathJudgement = {
  readonly proofs: readonly Proof[];
  /** Whether a ping of the public IPv4 need not be answered, so that it says nothing where the router gets no answer. */
  readonly silent: boolean;
};
