import type { PartialConfig } from "../../src/config.ts";
import { ofFlow, sharp } from "./latents.ts";
import {
  base,
  binary,
  bits,
  grey,
  optionOnly,
  type PartialModel,
  type PartialNetwork,
  type Row,
  small,
  unit,
  withConv,
  withModel,
} from "./row.ts";

/* Rows of the table of models: what a model is conditional on, and where. */

type Condition = NonNullable<PartialModel["condition"]>;

const row = (name: string, condition: Condition, model: PartialModel = {}, more: Partial<Row> = {}): Row => ({
  name: `conditional${name}`,
  config: withModel({ condition, ...model }),
  data: binary,
  ...more,
});

const label: Condition = { on: ["label"] };
const both: Condition = { on: ["label", "dose"] };

const withNetwork = (name: string, event: readonly number[], encoder: PartialNetwork): Row =>
  row(
    `, ${name}`,
    label,
    { encoder: { ...base.model.encoder, hidden: [3], ...encoder } },
    { data: bits(event.reduce((size, dim) => size * dim, 1)), event },
  );

const conv = withConv([{ channels: 2, kernel: 4, stride: 2 }], { condition: both });
const iwae: PartialConfig = {
  ...withModel({ condition: { ...label, prior: true } }),
  objective: { kind: "iwae", samples: 3 },
};

export const conditions: readonly Row[] = [
  row("", label),
  row(" on numbers", { on: ["dose"] }),
  row(" on both", both),
  row(", label as a number", { on: [{ name: "label", as: "number" }] }),
  row(", not the encoder", { ...label, encoder: false }),
  row(", prior", { ...label, prior: true }),
  row(", prior, full covariance", { ...both, prior: true }, { posterior: { covariance: "full" } }),
  row(
    ", VampPrior",
    { ...label, encoder: false },
    { prior: { kind: "vampprior", components: 2 }, likelihood: sharp },
    { data: unit },
  ),
  row(", flows", label, {
    posterior: { flow: { kind: "iaf", ...ofFlow } },
    prior: { kind: "mixture", components: 2 },
  }),
  { name: "conditional conv", config: conv, data: bits(35), event: grey },
  withNetwork("residual", small, {
    kind: "residual",
    channels: [2, 3],
    activation: "silu",
    initialization: "he",
  }),
  withNetwork("conv1d", [7], { kind: "conv1d", layers: [{ channels: 2 }] }),
  { name: "conditional iwae", config: iwae, data: binary },
  optionOnly(row(" on a class of numbers", { on: [{ name: "dose", as: "class" }] })),
];
