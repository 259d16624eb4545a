import type { PartialConfig } from "../../src/config.ts";
import { base, binary, optionOnly, type Row } from "./row.ts";

/* Rows of the table of models: options of the optimizer. */

const options: readonly PartialConfig["optimizer"][] = [
  { learningRate: 0.01 },
  { beta1: 0.5 },
  { beta2: 0.9 },
  { epsilon: 0.1 },
  { schedule: { kind: "cosine", warmup: 3 } },
  { schedule: { kind: "cosine", warmup: 2 } },
  { schedule: { kind: "cosine", warmup: 2, final: 0.5 } },
  { schedule: { kind: "step", every: 2 } },
  { schedule: { kind: "step", every: 2, factor: 0.5 } },
  { schedule: { kind: "step", every: 1 } },
];

export const optimizer: readonly Row[] = options.map((different) =>
  optionOnly({
    name: JSON.stringify(different),
    config: { ...base, optimizer: { ...base.optimizer, ...different } },
    data: binary,
  }),
);
