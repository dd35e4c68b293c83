import { type Reading, type Shells, withPath } from "../converge/read.js";
import type { Site } from "../inventory/site.js";
import { modeOf } from "../modes/index.js";
import type { Progress } from "../report/progress.js";

/** The reading with the path to the home measured, where the site's mode goes by that. */
export async function measured(
  site: Site,
  shells: Shells,
  reading: Reading,
  progress: Progress,
): Promise<Reading> {
  if (!modeOf(site).measures) return reading;
  return progress.task("vps", "measure", () => withPath(site, shells, reading));
}
