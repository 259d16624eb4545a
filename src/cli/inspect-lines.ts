import type { DataInspection, Inspection, SplitInspection } from "../apps/inspect.node.ts";
import type { RunInspection } from "../apps/inspect-run.node.ts";
import { networkText } from "../models/networks.ts";
import { formatCount, tableLines } from "./output.ts";

/** An inspection as lines for people. */
export function inspectionLines(inspection: Inspection): string[] {
  return inspection.kind === "data" ? dataLines(inspection) : runLines(inspection);
}

function dataLines({ name, event, type, splits, factors }: DataInspection): string[] {
  const values = type === "uint8" ? "grey levels 0..255 (uint8)" : "float32";
  const rows = splits.map((split) => [
    split.split,
    formatCount(split.count),
    rangeText(split),
    split.mean === null ? "" : `mean ${split.mean.toPrecision(4)}`,
    split.fingerprint,
  ]);
  const labels = splits.flatMap(({ split, labels: counts }) =>
    counts ? [`labels of ${split}: ${entriesText(counts)}`] : [],
  );
  const notFinite = splits.flatMap(({ split, notFinite: count }) =>
    count > 0 ? [`${split}: ${formatCount(count)} values are NaN or infinite`] : [],
  );
  const factorText = factors?.map(({ name: factor, size }) => `${factor} ${size}`).join(", ");
  return [
    `${name}: examples of shape [${event.join(", ")}], ${values}`,
    "",
    ...tableLines([["split", "examples", "range", "", "fingerprint"], ...rows]),
    ...(labels.length > 0 ? ["", ...labels] : []),
    ...(factorText ? ["", `factors: ${factorText}`] : []),
    ...(notFinite.length > 0 ? ["", ...notFinite] : []),
  ];
}

function rangeText({ minimum, maximum }: SplitInspection): string {
  return minimum === null || maximum === null ? "" : `${shortNumber(minimum)}..${shortNumber(maximum)}`;
}

function shortNumber(value: number): string {
  return String(Number(value.toPrecision(4)));
}

function entriesText(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([label, count]) => `${label}: ${formatCount(count)}`)
    .join(", ");
}

function runLines({
  run,
  event,
  latent,
  conditions = [],
  trained,
  layers,
  parameters,
  flops,
  bytes,
  config,
}: RunInspection): string[] {
  const { encoder, decoder, likelihood } = config.model;
  const rows = layers.map((layer) => [
    layer.path,
    Object.entries(layer.shapes)
      .map(([name, shape]) => `${name} (${shape.join(", ")})`)
      .join(", "),
    layer.output === null ? "" : layer.output.join("×"),
    formatCount(layer.parameters),
    formatCount(layer.flops),
  ]);
  return [
    `${run}: VAE of examples [${event.join(", ")}], ${latent} latent dimensions, ${likelihood.kind} likelihood`,
    `encoder: ${networkText(encoder)}; decoder: ${networkText(decoder)}`,
    ...(conditions.length > 0 ? [conditionLine(conditions, config)] : []),
    `weights of epoch ${trained.epoch}, step ${formatCount(trained.step)}, trained on ${trained.dataName}`,
    "",
    ...tableLines([
      ["layer", "shapes", "output", "parameters", "FLOPs"],
      ...rows,
      ["total", "", "", formatCount(parameters), formatCount(flops.encode + flops.decode)],
    ]),
    "",
    `FLOPs for an example: encode ${formatCount(flops.encode)}, decode ${formatCount(flops.decode)}, training step ${formatCount(flops.trainingStep)}${flops.trainingStepOnce > 0 ? `, and ${formatCount(flops.trainingStepOnce)} for a batch` : ""}`,
    `memory: weights ${megabytes(bytes.weights)}, training ${megabytes(bytes.training)}, a batch of ${config.train.batchSize} ${megabytes(bytes.batch)}, what a step keeps of it about ${megabytes(bytes.activations)}`,
  ];
}

/** conditional on label (10 classes), age (a number): encoder, decoder, prior */
function conditionLine(
  conditions: NonNullable<RunInspection["conditions"]>,
  { model }: RunInspection["config"],
): string {
  const texts = conditions.map((column) =>
    column.as === "class" ? `${column.name} (${column.classes.length} classes)` : `${column.name} (a number)`,
  );
  const { encoder, prior } = model.condition!;
  return `conditional on ${texts.join(", ")}: ${[...(encoder ? ["encoder"] : []), "decoder", ...(prior ? ["prior"] : [])].join(", ")}`;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 2 : 0)} MB`;
}
