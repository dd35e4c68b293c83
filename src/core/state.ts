/** The state of one owned thing. Flat on purpose: the diff, the drift table and --json all rely on it. */
export type State = Readonly<Record<string, string | number | boolean | readonly string[]>>;

/** Owned things by id, in the order to make them. An id that is absent must not exist on the host. */
export type Items = ReadonlyMap<string, State>;

/** One item to make (`from` is undefined), to remove (`to` is undefined) or to bring from one state to another. */
export type Change = {
  readonly id: string;
  readonly from?: State | undefined;
  readonly to?: State | undefined;
};

/** Whether two field values, or two states, are the same. Lists are compared in order. */
export function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(canonical(a)) === JSON.stringify(canonical(b));
}

function canonical(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/**
 * What turns `actual` into `desired`: removals first, last made first removed; then what is missing or differs,
 * in the order of `desired`. Applying it to `actual` gives `desired`; of two equal states it is empty.
 */
export function diff(actual: Items, desired: Items): readonly Change[] {
  const removals = [...actual].filter(([id]) => !desired.has(id)).map(([id, from]): Change => ({ id, from }));
  const rest = [...desired]
    .filter(([id, to]) => !same(actual.get(id), to))
    .map(([id, to]): Change => ({ id, from: actual.get(id), to }));
  return [...removals.reverse(), ...rest];
}

/** The fields in which the two sides of a change differ. */
export function changedFields(change: Change): readonly string[] {
  const names = new Set([...Object.keys(change.from ?? {}), ...Object.keys(change.to ?? {})]);
  return [...names].filter((name) => !same(change.from?.[name], change.to?.[name]));
}
