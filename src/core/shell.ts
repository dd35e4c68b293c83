/** The one port of the core: a POSIX shell on a host. */
export interface Shell {
  /** Which host it is, in messages: `vps`, `router` or `home`. */
  readonly label: string;
  /** Where its TCP connection leads to, with those of the jump hosts before it; an address, or a name to a jump host. */
  readonly way?: readonly Peer[];
  /**
   * Sends `script` by standard input to a new `sh -s`, on a channel of its own: several may be in flight.
   * An exit status other than 0 is a result; a lost connection, too long or too much throws a ConnectError.
   */
  run(script: string, options?: RunOptions): Promise<RunResult>;
  close(): Promise<void>;
}

export type Peer = {
  readonly address: string;
  readonly port: number;
  /** This machine's own address on that connection; absent from a jump host on. */
  readonly from?: string;
};

export interface RunOptions {
  /** Called with each complete line of standard output as it comes, without its newline. */
  onLine?: (line: string) => void;
  /** Default 120,000. After it the script may still be running on the host. */
  timeoutMs?: number;
  /** Bound on standard output and standard error together; default 4 MiB. */
  maxBytes?: number;
}

export interface RunResult {
  stdout: string;
  stderr: string;
  code: number;
}
