import { expect, test } from "vitest";
import { type PartialConfig, parseConfig } from "../config.ts";
import { objectiveName } from "./objective-name.ts";

test("weights are named without the last bits of their arithmetic", () => {
  const of = (objective: PartialConfig["objective"]) => objectiveName(parseConfig({ objective }).objective);
  expect(of({ kind: "info-vae", alpha: 0.9, lambda: 500 })).toBe("distortion + 0.1·rate + 499.9·MMD²");
  expect(of({ kind: "ciwae", share: 0.9, samples: 2 })).toBe("0.9·−ELBO + 0.1·−IWAE bound, of 2 draws");
});
