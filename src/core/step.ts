import type { Site } from "../inventory/site.js";
import type { HostName } from "./hosts.js";
import type { Section } from "./script.js";
import type { Change, Items } from "./state.js";

/**
 * One kind of thing that ds4 keeps on a host. Every member is pure: a step never sees a connection.
 * `World` is what is known of the site and of both hosts when the wanted state is made, `Facts` what is known of
 * the step's own host when its actual state is read.
 */
export interface Step<World, Facts> {
  /** Kebab-case; with the item's id it names a thing in every output, e.g. `tunnel wrap1`. */
  readonly name: string;
  /** Which half of the host it is: configured for the next boot, or live now. */
  readonly layer: "configured" | "live";
  /** What turns the traffic over to the tunnel: made after all else on all hosts, and taken away before it. */
  readonly turnsTraffic?: boolean;
  /** What must be there, in the order to make it. */
  desired(world: World): Items;
  /** Read-only POSIX sh; its output goes to `parse`. */
  probe(site: Site): string;
  /** The items that ds4 owns. @throws HostError for an owned line that it can't read. */
  parse(section: Section, facts: Facts, site: Site): Items;
  /**
   * The shell lines that make these changes: all of them removals, or none. They lead to `to` from whatever is
   * there, `from` and every state halfway included: an undo starts wherever a change was cut off. What can't go
   * on calls `fail MESSAGE`.
   */
  render(changes: readonly Change[], context: RenderContext): readonly string[];
  /** What somebody else has where this step's items have to go. */
  conflicts?(world: World): readonly Conflict[];
  /** Things of others that a change of these items, even a removal, would harm. */
  hindrances?(facts: Facts): readonly Conflict[];
}

/** What stands in the way of a change, and what to do about it. */
export type Conflict = { readonly host: HostName; readonly message: string; readonly hint: string };

/** What a step may use beside its own changes. */
export type RenderContext = {
  /** Whether the script is an undo that was written down before the change: it counts on no file of ds4's. */
  readonly standalone: boolean;
  /** The shell line that says that work on this item begins. */
  mark(id: string): string;
  /** Lines that make this item, each of which has to work: an undo goes on after an error, and has to know of it. */
  make(id: string, lines: readonly string[]): readonly string[];
  /** Asks for a shell line after all changes, once, however many steps ask for it. */
  finally(line: string): void;
};

/** The changes that make or mend something, with the state they lead to. */
export function wanted(changes: readonly Change[]) {
  return changes.flatMap(({ id, from, to }) => (to === undefined ? [] : [{ id, from, to }]));
}

/** The changes that take something away, with the state that was there. */
export function unwanted(changes: readonly Change[]) {
  return changes.flatMap(({ id, from, to }) =>
    to === undefined && from !== undefined ? [{ id, from }] : [],
  );
}
