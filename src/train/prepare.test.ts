import { expect, test } from "vitest";
import { floats } from "../../test/models.ts";
import { parseConfig } from "../config.ts";
import { DataError, UsageError } from "../errors.ts";
import { loadParts } from "../models/parts.ts";
import { prepareTraining } from "./prepare.ts";

test("a prior that does not suit the data is refused before anything is trained", async () => {
  const prepare = async (values: readonly number[], components: number) => {
    const config = parseConfig({
      model: {
        ...{ latent: 2, encoder: { hidden: [3] }, likelihood: { kind: "normal" } },
        prior: { kind: "vampprior", components },
      },
    });
    await loadParts(config.model);
    const split = (name: "train" | "validation" | "test") => ({ ...floats(values, [2]), split: name });
    return prepareTraining(config, { train: split("train"), validation: split("validation"), test: split("test") });
  };
  await expect(prepare([0, 0.5, 1, 2], 2)).rejects.toThrow(DataError);
  await expect(prepare([0, 0.5, 1, 0.2], 3)).rejects.toThrow(UsageError);
  expect((await prepare([0, 0.5, 1, 0.2], 2)).vae.latent).toBe(2);
});
