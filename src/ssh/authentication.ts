import type { AnyAuthMethod, AuthenticationType, AuthHandlerMiddleware, NextAuthHandler } from "ssh2";
import type { HostConfig } from "./host-config.js";
import type { Identities } from "./identities.js";
import type { Prompt } from "./prompt.js";

const PASSWORD = "a password";
/** ssh2's sign for it; its types lack it. */
const nothingLeft = false as never;

const passwords = new WeakMap<Prompt, Map<string, string>>();

/**
 * The passwords given to this prompt that let someone in, by account, in memory only. The new connections that prove
 * a change don't ask for them again, while the time to confirm it runs.
 */
export function passwordsOf(prompt: Prompt | undefined): Map<string, string> {
  const known = (prompt && passwords.get(prompt)) ?? new Map<string, string>();
  if (prompt !== undefined) passwords.set(prompt, known);
  return known;
}

/** Behind two jump hosts there may be two hosts with one address: known_hosts has them under different names. */
function accountOf({ user, host, port, knownAs }: HostConfig): string {
  return `${user}@${host}:${port} ${knownAs}`;
}

/**
 * Decides what to offer to the server, one after the other: the keys, then nothing at all (a fresh OpenWrt has
 * no password), then a password. A key goes first without asking what the server takes: that would cost a round
 * trip. A key is only signed with, and its passphrase only asked for, when the server would take it.
 */
export class Authentication {
  readonly #offered: string[] = [];
  /** What the server would still take, once it has said so. */
  methods: readonly string[] = [];
  /** What could not be offered, and why, in words. */
  notes: readonly string[] = [];
  #steps: Generator<() => Promise<AnyAuthMethod | undefined>, void> | undefined;
  readonly #identities: () => Promise<Identities>;
  readonly #host: HostConfig;
  readonly #prompt: Prompt | undefined;
  readonly #passwords: Map<string, string>;
  /** The password that was offered last. */
  #given: string | undefined;

  constructor(
    host: HostConfig,
    identities: () => Promise<Identities>,
    prompt: Prompt | undefined,
    passwords: Map<string, string>,
  ) {
    this.#host = host;
    this.#identities = identities;
    this.#prompt = prompt;
    this.#passwords = passwords;
  }

  /** To be called when it let the user in: a password is then remembered. */
  succeeded(): void {
    if (this.#given !== undefined) this.#passwords.set(accountOf(this.#host), this.#given);
  }

  /** What was offered, in words, for the error when none of it helps. */
  get offered(): string[] {
    const withoutPassword = this.methods.includes("password") || this.#offered.length === 0;
    const keys = this.#offered.filter((offer) => offer !== PASSWORD);
    const password = this.#offered.filter((offer) => offer === PASSWORD);
    return [...keys, ...(withoutPassword ? ["no password"] : []), ...password];
  }

  readonly handler: AuthHandlerMiddleware = (methods, _partial, next) => {
    this.methods = (methods as AuthenticationType[] | null) ?? this.methods;
    this.#advance(next).catch(() => next(nothingLeft));
  };

  async #advance(next: NextAuthHandler): Promise<void> {
    this.#steps ??= this.#plan(await this.#identities());
    // Not for-of: leaving it would end the generator, which goes on at the server's next answer.
    for (let step = this.#steps.next(); !step.done; step = this.#steps.next()) {
      const method = await step.value().catch(() => undefined); // a question that failed has no answer
      if (method !== undefined) return next(method);
    }
    next(nothingLeft);
  }

  *#plan({ offers, notes }: Identities): Generator<() => Promise<AnyAuthMethod | undefined>, void> {
    this.notes = notes;
    const username = this.#host.user;
    for (const { name, agent } of offers) {
      if (!this.#mayTake("publickey")) break;
      yield async () => {
        this.#offered.push(`the key ${name}`);
        return { type: "agent", username, agent };
      };
    }
    // After keys only, ssh2 doesn't pass on what the server takes: this also asks for that.
    if (this.#mayTake("password"))
      yield async () => {
        return { type: "none", username };
      };
    // One that let in before may have been changed since: then it is asked for all the same.
    for (const known of new Set([this.#passwords.get(accountOf(this.#host)), undefined])) {
      if (this.#mayTake("password")) yield () => this.#password(known);
      else if (this.#mayTake("keyboard-interactive")) yield () => this.#keyboardInteractive(known);
    }
  }

  /** Before the server's first answer everything may be. */
  #mayTake(method: string): boolean {
    return this.methods.length === 0 || this.methods.includes(method);
  }

  async #password(known: string | undefined): Promise<AnyAuthMethod | undefined> {
    const { user, text } = this.#host;
    if (this.#prompt === undefined) return undefined;
    const password = known ?? (await this.#prompt.secret(`Password of ${user} on ${text}: `));
    this.#offered.push(PASSWORD);
    this.#given = password;
    return { type: "password", username: user, password };
  }

  async #keyboardInteractive(known: string | undefined): Promise<AnyAuthMethod | undefined> {
    const { user, text } = this.#host;
    const ask = this.#prompt;
    if (ask === undefined) return undefined;
    this.#offered.push(PASSWORD);
    return {
      type: "keyboard-interactive",
      username: user,
      prompt: async (_name, _instructions, _language, questions, finish) => {
        const answers: string[] = [];
        for (const { prompt } of questions) {
          const isPassword = /^password/i.test(prompt); // and no code, which is good for one log-in only
          const question = `${text}: ${prompt.replace(/[^\x20-\x7e]/g, "")}`;
          const answer = (isPassword && known) || (await ask.secret(question).catch(() => ""));
          if (isPassword) this.#given = answer;
          answers.push(answer);
        }
        finish(answers);
      },
    };
  }
}
