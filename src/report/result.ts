import { z } from "zod";
import { metrics } from "../bench/line.js";
import { hostNames } from "../core/hosts.js";
import { modeNames } from "../inventory/site.js";

const value = z.union([z.string(), z.number(), z.boolean(), z.array(z.string())]);
const state = z.record(z.string(), value).describe("the fields of an item");

/** The `--json` output of every command: one object, whose form only ever grows within a `version`. */
export const resultSchema = z
  .object({
    version: z.literal(1),
    command: z
      .enum(["apply", "status", "plan", "teardown", "confirm", "rollback", "bench"])
      .optional()
      .describe("absent when none of them was named"),
    site: z.string().optional().describe("name of the site; absent when the inventory could not be read"),
    result: z
      .enum([
        "in-sync",
        "drift",
        "changed",
        "nothing-to-do",
        "cancelled",
        "failed",
        "unconfirmed",
        "confirmed",
        "rolled-back",
        "measured",
      ])
      .describe(
        "drift: there is something to change, and nothing was changed; changed: it was, read back and proved; unconfirmed: a change waits for its confirmation",
      ),
    exitCode: z.union([z.literal(0), z.literal(1), z.literal(2)]),
    mode: z.enum(modeNames).optional().describe("how the public IPv4 comes home"),
    publicIPv4: z.string().optional().describe("the site's: from it the tunnel's ends are made"),
    publicIPv4s: z
      .array(z.object({ publicIPv4: z.string(), servers: z.array(z.string()) }))
      .optional()
      .describe("by which public IPv4 which servers are reached, where that isn't the site's own one alone"),
    server: z
      .string()
      .optional()
      .describe("the home server, where there is one alone; with a relay an IPv6 address or a name"),
    servers: z.array(z.string()).optional().describe("the home servers, where there are several"),
    mtu: z.number().optional().describe("of the tunnel, in bytes; absent with a relay"),
    changes: z
      .array(
        z.object({
          host: z.enum(hostNames),
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
    proofs: z
      .array(
        z.object({
          name: z.string(),
          proved: z.boolean().nullable().describe("null: it could not be tried, see `seen`"),
          seen: z.string(),
        }),
      )
      .optional()
      .describe("what packets and connections showed after a change"),
    unconfirmed: z
      .array(
        z.object({
          host: z.enum(hostNames),
          command: z.enum(["apply", "teardown"]),
          by: z.string().describe("user@laptop"),
          since: z.string().describe("by that laptop's clock"),
          secondsLeft: z.number().describe("until the host goes back by itself"),
        }),
      )
      .optional()
      .describe("status: changes that wait for their confirmation"),
    measured: z
      .array(
        z.object({
          way: z.enum(["ipv6", "tunnel", "relay"]),
          metric: z.enum(metrics).describe("request8: 8 at a time"),
          unit: z.enum(["ms", "Mbit/s"]),
          samples: z.number().describe("how many values"),
          median: z.number(),
          min: z.number(),
          max: z.number(),
          ratio: z
            .number()
            .optional()
            .describe("how many times as good as the site's own way: median of the rounds' ratios"),
        }),
      )
      .optional()
      .describe("bench: what each way to the home server came to"),
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
