import * as z from "zod/mini";
import { describe } from "./config.describe.ts";
import { config } from "./config.descriptions.ts";
import { registered } from "./config.likelihoods.ts";
import { likelihoods } from "./config.parts.ts";
import { configSchema } from "./config.schema.ts";

/* In a file of its own: a bundle for browsers, which does not offer it, is smaller by zod's writer of JSON Schemas and by
 * the descriptions. */

/** The JSON Schema (draft 2020-12) of a config file, for editors. */
export function configJsonSchema(): Record<string, unknown> {
  const metadata = describe(configSchema, config);
  metadata.add(registered._zod.def.shape.kind, { not: { enum: [...likelihoods] } });
  return z.toJSONSchema(configSchema, {
    io: "input",
    metadata,
    override: ({ jsonSchema }) => {
      // zod bounds every integer by what a double holds; that is no rule of ours.
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
    },
  });
}
