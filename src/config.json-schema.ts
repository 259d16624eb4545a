import * as z from "zod/mini";
import { configSchema } from "./config.schema.ts";

/* In a file of its own: a bundle for browsers, which does not offer it, is smaller by zod's writer of JSON Schemas. */

/** The JSON Schema (draft 2020-12) of a config file, for editors. */
export function configJsonSchema(): Record<string, unknown> {
  return z.toJSONSchema(configSchema, {
    io: "input",
    override: ({ jsonSchema }) => {
      // zod bounds every integer by what a double holds; that is no rule of ours.
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
    },
  });
}
