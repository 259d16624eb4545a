import type { Dataset } from "../src/data/dataset.ts";
import { cpuBackend } from "../src/runtime/ort.node.ts";
import { threadHelpers } from "../src/train/helper.node.ts";
import { type OwnTraining, openTraining } from "./training.ts";

/** Our training on the processor, its threads each with a part of the batch, as the command line has it. */
export async function ownTraining(settings: unknown, data: Dataset, threads: number | undefined): Promise<OwnTraining> {
  return openTraining(settings, data, await cpuBackend(threads), await threadHelpers());
}
