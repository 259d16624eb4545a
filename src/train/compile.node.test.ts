import { expect, test } from "vitest";
import { type PartialConfig, parseConfig } from "../config.ts";
import { buildVae } from "../models/vae.ts";
import { cpuBackend } from "../runtime/ort.node.ts";
import { compileTraining } from "./compile.ts";
import { threadHelpers } from "./helper.node.ts";

test("threads share the rows of a batch where the objective is a mean over them, and not where it is of them all", async () => {
  const membersWith = async (objective: PartialConfig["objective"]) => {
    const config = parseConfig({ model: { latent: 2, encoder: { hidden: [8] } }, objective });
    const vae = buildVae(config.model, [4]);
    const program = await compileTraining(await cpuBackend(2), vae, config, await threadHelpers());
    await program.release();
    return program.members;
  };
  expect(await membersWith({ kind: "elbo" })).toBe(2);
  expect(await membersWith({ kind: "capacity" })).toBe(1);
});
