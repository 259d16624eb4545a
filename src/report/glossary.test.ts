import { expect, test } from "vitest";
import { type PartialConfig, parseConfig } from "../config.ts";
import { glossary } from "./glossary.ts";

test("words of an objective's own terms are explained", () => {
  const of = (objective: PartialConfig["objective"]) => glossary(parseConfig({ objective }).objective);
  expect(of({ kind: "factor" })).toMatch(/Total correlation.*Discriminator's loss.*Discriminator's accuracy/s);
  expect(of({ freeBits: 0.5 })).toContain("Rate with free bits");
  expect(of({})).not.toContain("free bits");
});
