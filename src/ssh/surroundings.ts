import { homedir, userInfo } from "node:os";

/** What ssh takes from its surroundings; tests give their own. */
export type Surroundings = {
  readonly home: string;
  /** The local user's name. */
  readonly user: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The folder of the system's ssh_config and ssh_known_hosts. */
  readonly systemFolder: string;
};

export function realSurroundings(): Surroundings {
  let user: string;
  try {
    user = userInfo().username;
  } catch {
    user = process.env.USER ?? process.env.USERNAME ?? "root"; // a container's uid without a passwd entry
  }
  return { home: homedir(), user, environment: process.env, systemFolder: "/etc/ssh" };
}
