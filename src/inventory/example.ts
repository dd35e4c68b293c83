import { isAbsolute, relative } from "node:path";
import { fileURLToPath } from "node:url";

/** Where the example with every key lies, which comes with ds4: from here, or where it is installed. */
export function examplePath(): string {
  const path = fileURLToPath(new URL("../../inventory/example.yaml", import.meta.url));
  const near = relative(process.cwd(), path);
  return near.startsWith("..") || isAbsolute(near) ? path : near;
}
