import { z } from "zod";

/** The `--json` output of every command: one object, whose form only ever grows within a `version`. */
const value = z.union([z.string(), z.number(), z.boolean(), z.array(z.string())]);
const state = z.record(z.string(), value).describe("the fields of an item");

export const resultSchema = z
  .object({
    version: z.literal(1),
    command: z.enum(["apply", "status", "plan", "teardown"]),
    site: z.string().optional().describe("name of the site; absent when the inventory could not be read"),
    result: z
      .enum(["in-sync", "drift", "changed", "nothing-to-do", "cancelled", "failed"])
      .describe(
        "drift: there is something to change, and nothing was changed; changed: it was, and read back",
      ),
    exitCode: z.union([z.literal(0), z.literal(1), z.literal(2)]),
    publicIPv4: z.string().optional(),
    server: z.string().optional(),
    mtu: z.number().optional().describe("of the tunnel, in bytes"),
    changes: z
      .array(
        z.object({
          host: z.enum(["vps", "router"]),
          layer: z.enum(["configured", "live"]).describe("configured for the next boot, or live now"),
          step: z.string(),
          id: z.string(),
          action: z.enum(["make", "change", "remove"]),
          fields: z.array(z.string()).describe("which fields differ"),
          from: state.optional().describe("what is there; absent: nothing"),
          to: state.optional().describe("what is wanted; absent: nothing"),
        }),
      )
      .describe("what was changed or, for status and plan, what differs"),
    scripts: z.record(z.string(), z.string()).optional().describe("plan --script: the script for each host"),
    notes: z.array(z.string()),
    errors: z.array(
      z.object({
        message: z.string(),
        hint: z.string().optional(),
        file: z.string().optional(),
        line: z.number().optional(),
        column: z.number().optional(),
      }),
    ),
  })
  .meta({ title: "ds4 --json", description: "What every ds4 command prints with --json" });

export type Result = z.infer<typeof resultSchema>;

/** The JSON schema for programs that read it, which `result.schema.json` holds (made by `scripts/schema`). */
export function resultJsonSchema(): Record<string, unknown> {
  // As an input, because an output would be closed to the fields that a later ds4 adds.
  return z.toJSONSchema(resultSchema, { io: "input" });
}
