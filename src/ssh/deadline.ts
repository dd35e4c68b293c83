/** A time limit that stands still while a person is asked something. */
export class Deadline {
  #timer: NodeJS.Timeout | undefined;
  #limit: { readonly ms: number; readonly expire: () => void } | undefined;

  /** Starts anew with `ms`; `expire` is called once when it is over. */
  start(ms: number, expire: () => void): void {
    this.clear();
    this.#limit = { ms, expire };
    this.#timer = setTimeout(expire, ms);
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#limit = undefined;
  }

  /** Waits for the answer; the whole time is given again afterwards. */
  async pausedFor<T>(answer: Promise<T>): Promise<T> {
    const limit = this.#limit;
    this.clear();
    try {
      return await answer;
    } finally {
      if (limit !== undefined && this.#limit === undefined) this.start(limit.ms, limit.expire);
    }
  }
}
