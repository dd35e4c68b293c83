import type { Probe, Section } from "../core/script.js";
import type { Proof } from "./judge.js";

/** How a mode shows that the new way carries packets. */
export type PathProof = {
  /** A visitor on the VPS, once all is set up. */
  readonly visitor: Probe;
  /** Where a host at home has to see packets, too. */
  readonly counters?: Counters;
  judge(seen: PathSections): PathJudgement;
};

/** Counters on a host at home. */
export type Counters = {
  readonly host: "router" | "home";
  /** Starts to count, before the change. */
  readonly arm: readonly string[];
  /** What is read when the visitor has been there. */
  readonly probe: Probe;
};

/** What the visitor and the counters printed. */
export type PathSections = {
  readonly visitor: Section | undefined;
  readonly counters: Section | undefined;
  /** The VPS's vendor, as its firmware names it. */
  readonly vendor: string;
};

export type PathJudgement = {
  readonly proofs: readonly Proof[];
  /** Whether a ping of the public IPv4 need not be answered, so that it says nothing where the router gets no answer. */
  readonly silent: boolean;
};
