import { z } from "zod";
import { fields } from "./fields.js";
import { relayExample } from "./relays.js";

/** An inventory file. */
export const siteSchema = z
  .strictObject({
    mode: fields.mode.optional(),
    vps: z.strictObject({
      ssh: fields["vps.ssh"],
      uplink: fields["vps.uplink"].optional(),
      publicIPv4: fields["vps.publicIPv4"].optional(),
      endpoint: fields["vps.endpoint"].optional(),
      persist: fields["vps.persist"].optional(),
    }),
    router: z
      .strictObject({
        ssh: fields["router.ssh"],
        uplink: fields["router.uplink"].optional(),
        endpoint: fields["router.endpoint"].optional(),
        zones: z
          .strictObject({
            wan: fields["router.zones.wan"].optional(),
            lan: fields["router.zones.lan"].optional(),
          })
          .optional(),
        lan: fields["router.lan"].optional(),
      })
      .optional(),
    home: z
      .strictObject({
        kind: fields["home.kind"],
        ssh: fields["home.ssh"],
        uplink: fields["home.uplink"].optional(),
        endpoint: fields["home.endpoint"].optional(),
        persist: fields["home.persist"].optional(),
      })
      .optional()
      .meta({
        description:
          "Instead of `router`: a Linux machine at home ends the tunnel. Beside it, `tunnel.end` says which of them does.",
      }),
    server: fields.server.optional(),
    egress: fields.egress.optional(),
    hairpin: fields.hairpin.optional(),
    forward: z
      .array(
        z.strictObject({
          server: fields["forward.server"],
          traffic: fields["forward.traffic"],
          publicIPv4: fields["forward.publicIPv4"].optional(),
          egress: fields["forward.egress"].optional(),
        }),
      )
      .min(1)
      .optional()
      .meta({
        description:
          "Instead of `server`: which traffic goes to which server, each server once for a public IPv4.",
      }),
    tunnel: z
      .strictObject({
        name: fields["tunnel.name"].optional(),
        mtu: fields["tunnel.mtu"].optional(),
        table: fields["tunnel.table"].optional(),
        end: fields["tunnel.end"].optional(),
      })
      .optional(),
  })
  .refine(
    ({ mode, router, home }) => mode === "relay" || router !== undefined || home !== undefined,
    missing(
      "router",
      "Add `router:` and under it, indented, `ssh: root@192.168.1.1`; or `home:`, where a Linux machine ends the tunnel.",
    ),
  )
  .refine(
    ({ mode, server, forward }) => mode === "relay" || server !== undefined || forward !== undefined,
    missing("server", "Add `server: 192.168.1.210`."),
  )
  .refine(
    ({ mode, server, forward }) => mode !== "relay" || server !== undefined || forward !== undefined,
    missing("forward", `Add \`${relayExample}\`.`),
  );

/** What is said of a key that some mode requires, along with whatever else is wrong. */
function missing(key: string, hint: string) {
  return {
    path: [key],
    message: "missing",
    params: { hint },
    when: ({ value, issues }: z.core.ParsePayload) =>
      typeof value === "object" &&
      value !== null &&
      !Array.isArray(value) &&
      // Of an unknown mode it can't be told.
      !issues.some(({ path }) => path?.[0] === "mode"),
  };
}

export type SiteFile = z.infer<typeof siteSchema>;

/** The JSON schema for editors, which `inventory/site.schema.json` holds (made by `scripts/schema`). */
export function jsonSchema(): Record<string, unknown> {
  const { $schema, ...schema } = z.toJSONSchema(siteSchema, {
    io: "input",
    override: ({ zodSchema, jsonSchema: made }) => {
      // zod leaves examples out where a value is transformed, as they might be of the outcome; these aren't.
      const examples = z.globalRegistry.get(zodSchema)?.examples as unknown[] | undefined;
      if (examples !== undefined) made.examples = examples;
    },
  });
  return {
    $schema,
    title: "A ds4 site: a VPS, an OpenWrt router or a Linux machine at home, and a home server",
    ...schema,
    oneOf: [{ required: ["server"] }, { required: ["forward"] }],
    if: { properties: { mode: { const: "relay" } }, required: ["mode"] },
    // biome-ignore lint/suspicious/noThenProperty: a key of JSON Schema, and nothing that is awaited.
    then: { required: ["forward"], properties: { egress: false, hairpin: false } },
    else: {
      anyOf: [{ required: ["router"] }, { required: ["home"] }],
      if: { required: ["router", "home"] },
      // biome-ignore lint/suspicious/noThenProperty: likewise.
      then: { required: ["tunnel"], properties: { tunnel: { required: ["end"] } } },
      allOf: ["router", "home"].map((end) => ({
        if: {
          required: ["tunnel"],
          properties: { tunnel: { required: ["end"], properties: { end: { const: end } } } },
        },
        // biome-ignore lint/suspicious/noThenProperty: likewise.
        then: { required: [end] },
      })),
    },
  };
}
