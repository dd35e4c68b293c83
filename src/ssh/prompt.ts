/** Asks whoever sits at the terminal. Given by the caller, and absent when nobody does. */
export type Prompt = {
  /** An answer that isn't shown: a passphrase or a password. */
  secret(question: string): Promise<string>;
  confirm(question: string): Promise<boolean>;
};

const queues = new WeakMap<Prompt, Promise<unknown>>();

/**
 * One question after the other: two hosts are connected to at once, on one terminal. Where one is broken off, so are
 * those that wait.
 */
export function queued(prompt: Prompt): Prompt {
  const next = <T>(ask: () => Promise<T>): Promise<T> => {
    const answer = (queues.get(prompt) ?? Promise.resolve()).then(ask);
    queues.set(prompt, answer);
    return answer;
  };
  return {
    secret: (question) => next(() => prompt.secret(question)),
    confirm: (question) => next(() => prompt.confirm(question)),
  };
}
