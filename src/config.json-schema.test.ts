import { expect, test } from "vitest";
import { configJsonSchema } from "./config.json-schema.ts";

test("the JSON Schema describes every key and needs none", () => {
  const schema = configJsonSchema();
  expect(schema).toMatchObject({
    $schema: "https://json-schema.org/draft/2020-12/schema",
    additionalProperties: false,
    properties: {
      model: { properties: { latent: { type: "integer", minimum: 1, default: 20 } } },
      objective: {
        properties: {
          kind: { enum: expect.arrayContaining(["elbo", "capacity", "iwae"]), default: "elbo" },
          scale: { type: "number", exclusiveMinimum: 0 },
          to: { type: "number", minimum: 0 },
          steps: { type: "integer", minimum: 1 },
        },
      },
    },
  });
  expect(schema).not.toHaveProperty("required");
  const undescribed: string[] = [];
  const visit = (node: unknown, path: string): void => {
    if (typeof node !== "object" || node === null) return;
    for (const [key, child] of Object.entries(node)) {
      if (key === "properties") {
        for (const [name, property] of Object.entries(child as Record<string, { description?: string }>)) {
          if (name !== "kind" && !property.description) undescribed.push(`${path}.${name}`);
        }
      }
      visit(child, `${path}.${key}`);
    }
  };
  visit(schema, "");
  expect(undescribed).toEqual([]);
});
