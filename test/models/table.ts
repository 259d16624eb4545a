import { conditions } from "./conditions.ts";
import { latents } from "./latents.ts";
import { likelihoods } from "./likelihoods.ts";
import { networks } from "./networks.ts";
import { objectives } from "./objectives.ts";
import { optimizer } from "./optimizer.ts";
import type { Row } from "./row.ts";

/** The table of models: a new part, or a new option of one, is a new row in one of its files. */
export const table: readonly Row[] = [
  ...objectives,
  ...networks,
  ...likelihoods,
  ...latents,
  ...conditions,
  ...optimizer,
];
