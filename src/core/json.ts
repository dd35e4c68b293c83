import { z } from "zod";
import { HostError } from "./errors.js";
import { required, type Section } from "./script.js";

/** The JSON that a tool on a host printed, checked. @throws HostError naming the tool and what it said. */
export function readJson<T>(section: Section | undefined, what: string, schema: z.ZodType<T>): T {
  const text = required(section, what);
  let value: unknown;
  try {
    // `ip -j` prints nothing at all where it has nothing to show.
    value = text.trim() === "" ? [] : JSON.parse(text);
  } catch (cause) {
    throw new HostError(`${what} is no JSON: ${text.trim().slice(0, 200)}`, { cause });
  }
  const result = schema.safeParse(value);
  if (!result.success) {
    throw new HostError(`${what} has an unknown form: ${z.prettifyError(result.error)}`, {
      cause: result.error,
    });
  }
  return result.data;
}
