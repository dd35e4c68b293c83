const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
type Handler = () => void;
let current: Handler | undefined;

/** Has `handle` called instead of the usual end when the user breaks off (Ctrl-C, a closed terminal) during `work`. */
export async function onInterrupt<T>(handle: Handler, work: () => Promise<T>): Promise<T> {
  const outer = current;
  set(handle);
  try {
    return await work();
  } finally {
    set(outer);
  }
}

function set(handler: Handler | undefined): void {
  for (const signal of signals) {
    if (current) process.off(signal, current);
    if (handler) process.on(signal, handler);
  }
  current = handler;
}
