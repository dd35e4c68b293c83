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
  return { home: homeFolder(), user: userName(), environment: process.env, systemFolder: "/etc/ssh" };
}

// Both are unknown to Node where a container runs with a uid that has no passwd entry.
export function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return process.env.USER ?? process.env.USERNAME ?? "root";
  }
}

function homeFolder(): string {
  try {
    return homedir();
  } catch {
    return "/";
  }
}
