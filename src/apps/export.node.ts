import { join } from "node:path";
import * as z from "zod/mini";
import { checkOptions, choice, section, text } from "../config.fields.ts";
import { RunError } from "../errors.ts";
import { lower } from "../graph/lower.ts";
import { shapeAt, sizeAt } from "../graph/shape.ts";
import { input, type Tensor } from "../graph/tensor.ts";
import type { ConditionColumn } from "../models/conditions.ts";
import { type OpenRun, openRun } from "../models/open.node.ts";
import { type PriorChoice, priorChoices } from "../models/sampler-kinds.ts";
import { type SamplerDescription, samplerOf } from "../models/samplers.ts";
import type { Data, Value } from "../runtime/backend.ts";
import { createKernels } from "../runtime/kernels.ts";
import { siteKey } from "../runtime/philox.ts";
import { compile } from "../runtime/program.ts";
import { directoryStorage } from "../storage/directory.node.ts";
import { version } from "../version.ts";

export interface ExportOptions {
  /** The run directory. */
  readonly run: string;
  /** The folder to write to, which is made. */
  readonly out: string;
  /** What prior.onnx draws from: "model", its own prior (default), or a sampler that is stored with it. */
  readonly prior?: PriorChoice | undefined;
}

export interface ExportResult {
  readonly files: readonly string[];
  /** Largest |Δ| / (1 + |v|) between an exported graph and the model, over all outputs. */
  readonly maxDifference: number;
}

const schema = section({
  run: text("the run directory"),
  out: text("the folder to write to"),
  prior: z.optional(choice(priorChoices)),
} satisfies Record<keyof ExportOptions, z.ZodMiniType>);

/** What the exported files must agree to, relative to 1 + |v|. */
const tolerance = 1e-5;
const checkedRows = 7;

/**
 * Writes encoder.onnx (x → mean, logvar) and decoder.onnx (z → mean, and the likelihood's parameters), each with a
 * dynamic batch, and loads them back in ONNX Runtime to compare them with the model. Where the posterior is no normal of
 * independent latents, the encoder also takes noise and gives z, a draw; where the prior is not the standard normal,
 * prior.onnx makes z of noise. A conditional model's graphs take the condition too, whose columns their documentation
 * says. Without a prior of its own a prior.onnx that lies in the folder is removed.
 * @throws RunError when they do not agree, and nothing is written; or when the folder cannot be written to
 */
export async function exportOnnx(options: ExportOptions): Promise<ExportResult> {
  checkOptions("exportOnnx", schema, options);
  const { run, out, prior = "model" } = options;
  const model = await openRun(run);
  try {
    const graphs = [encoderGraph(model), decoderGraph(model), ...(await priorGraph(model, prior))];
    let maxDifference = 0;
    for (const graph of graphs) maxDifference = Math.max(maxDifference, await difference(model, graph));
    if (!(maxDifference <= tolerance))
      throw new RunError(
        `${run}: the exported graphs differ from the model by ${maxDifference.toExponential(1)} (allowed ${tolerance}); nothing was written. This is a bug in vaekit`,
      );
    const folder = directoryStorage(out);
    for (const { name, bytes } of graphs) await folder.write(`${name}.onnx`, bytes);
    if (!graphs.some(({ name }) => name === "prior")) await folder.remove("prior.onnx"); // of a model exported before
    return { files: graphs.map(({ name }) => join(out, `${name}.onnx`)), maxDifference };
  } finally {
    await model.close();
  }
}

/** What a conditional model is given: (batch, width); no input of another. */
const conditionInputs = ({ vae: { conditionWidth } }: OpenRun): readonly ExportedInput[] =>
  conditionWidth > 0 ? [{ tensor: input("condition", ["batch", conditionWidth]), values: "uniforms" }] : [];

/** An input of an exported graph, and what the check feeds it. */
interface ExportedInput {
  readonly tensor: Tensor;
  readonly values: "normals" | "uniforms";
}

interface ExportedGraph {
  readonly name: string;
  readonly inputs: readonly ExportedInput[];
  readonly outputs: Readonly<Record<string, Tensor>>;
  /** By path. */
  readonly weights: Readonly<Record<string, Float32Array>>;
  readonly bytes: Uint8Array;
}

function encoderGraph(model: OpenRun): ExportedGraph {
  const { vae } = model;
  const { event, noiseWidth } = vae;
  const x: ExportedInput = { tensor: input("x", ["batch", ...event]), values: "uniforms" }; // as images have
  const given = model.config.model.condition?.encoder ? conditionInputs(model) : [];
  const posterior = vae.posterior(x.tensor);
  const { mean, logvar } = posterior.base;
  if (posterior.klStandardByLatent) return graphOf(model, "encoder", [x, ...given], { mean, logvar });
  const noise: ExportedInput = { tensor: input("noise", ["batch", noiseWidth]), values: "normals" };
  return graphOf(model, "encoder", [x, ...given, noise], { mean, logvar, z: posterior.draw(noise.tensor).z });
}

function decoderGraph(model: OpenRun): ExportedGraph {
  const z = input("z", ["batch", model.vae.latent]);
  const { parameters, mean } = model.vae.decode(z);
  const outputs = { ...parameters, ...("mean" in parameters ? {} : { mean }) };
  return graphOf(model, "decoder", [{ tensor: z, values: "normals" }, ...conditionInputs(model)], outputs);
}

async function priorGraph(model: OpenRun, choice: PriorChoice): Promise<ExportedGraph[]> {
  const own = model.vae.prior();
  if (choice === "model" && own.kind === "standard") return [];
  const sampler = choice === "model" ? undefined : await samplerOf(model.storage, choice, model);
  const { prior, weights } = sampler ?? { prior: own, weights: model.weights };
  const normal: ExportedInput = { tensor: input("normal", ["batch", prior.noise.normal]), values: "normals" };
  const uniform: ExportedInput = { tensor: input("uniform", ["batch", prior.noise.uniform]), values: "uniforms" };
  const given = prior.noise.uniform > 0 ? { uniform: uniform.tensor } : {};
  const z = prior.sample({ normal: normal.tensor, ...given });
  const conditional = own.kind === "normal" ? conditionInputs(model) : [];
  return [
    graphOf(
      { ...model, weights },
      "prior",
      [normal, ...(prior.noise.uniform > 0 ? [uniform] : []), ...conditional],
      { z },
      sampler?.description,
    ),
  ];
}

function graphOf(
  { weights, description }: OpenRun,
  name: string,
  inputs: readonly ExportedInput[],
  outputs: Readonly<Record<string, Tensor>>,
  sampler?: SamplerDescription,
): ExportedGraph {
  const { config, event, trained, conditions } = description;
  const conditional = inputs.some(({ tensor }) => tensor.label === "condition");
  const { bytes } = lower(outputs, {
    name: `vaekit-${name}`,
    embed: new Map(Object.entries(weights)),
    producerVersion: version,
    documentation:
      documentationOf(name, event, config.model.latent, Object.keys(outputs)) +
      (sampler
        ? ` p(z) is the sampler "${sampler.shape.kind}", fitted to q(z|x), in the model's own prior's place.`
        : "") +
      (conditional ? ` condition: ${conditionText(conditions!)}` : ""),
    metadata: {
      "vaekit.part": name,
      "vaekit.event": JSON.stringify(event),
      "vaekit.latent": String(config.model.latent),
      "vaekit.likelihood": JSON.stringify(config.model.likelihood),
      "vaekit.trained": JSON.stringify(trained),
      ...(sampler ? { "vaekit.sampler": JSON.stringify(sampler) } : {}),
      ...(conditional ? { "vaekit.conditions": JSON.stringify(conditions) } : {}),
    },
  });
  return { name, inputs, outputs, weights, bytes };
}

function documentationOf(name: string, event: readonly number[], latent: number, outputs: readonly string[]): string {
  if (name === "prior")
    return `Prior of a variational autoencoder. normal: standard normal numbers; uniform, if there is such an input: numbers in [0, 1). z: (batch, ${latent}), a draw of p(z).`;
  const drawn = outputs.includes("z")
    ? ` noise: standard normal numbers; z: (batch, ${latent}), a draw of q(z|x), whose mean and logvar are those of each latent by itself, before any flow.`
    : "";
  return name === "encoder"
    ? `Encoder of a variational autoencoder. x: (batch, ${event.join(", ")}), as the model was trained on it. mean, logvar: (batch, ${latent}), of the Normal q(z|x).${drawn}`
    : `Decoder of a variational autoencoder. z: (batch, ${latent}). mean: (batch, ${event.join(", ")}), of p(x|z); the other outputs are its parameters.`;
}

/** What stands in the columns of the input "condition". */
function conditionText(columns: readonly ConditionColumn[]): string {
  const texts = columns.flatMap((column) =>
    column.as === "class"
      ? column.classes.map((value) => `${Math.sqrt(column.classes.length)} where ${column.name} is ${value}, else 0`)
      : [`(${column.name} - ${column.mean}) / ${column.standardDeviation}`],
  );
  return `(batch, ${texts.length}), of which the columns are: ${texts.join("; ")}.`;
}

function drawn(site: string, size: number, values: ExportedInput["values"]): Float32Array {
  const kernels = createKernels(4 * checkedRows * (size + 1) + 256);
  const data = kernels.float32(checkedRows * size);
  const rows = kernels.uint32(checkedRows);
  for (let i = 0; i < checkedRows; i++) rows[i] = i;
  kernels[values](data, siteKey(0, site), 0, rows, size);
  return data;
}

/** Largest |Δ| / (1 + |v|) between the exported file, loaded back, and the model that was trained. */
async function difference(
  { backend }: OpenRun,
  { name, inputs, outputs, weights, bytes }: ExportedGraph,
): Promise<number> {
  const values = inputs.map(({ tensor, values }): [string, Value] => [
    tensor.label!,
    {
      data: drawn(`export/${name}/${tensor.label}`, sizeAt(tensor.shape, 1), values),
      shape: shapeAt(tensor.shape, checkedRows),
    },
  ]);
  const given: Record<string, Data> = Object.fromEntries(values.map(([label, { data }]) => [label, data]));
  const program = await compile(backend, outputs);
  const expected = await program.run({ ...weights, ...given });
  await program.release();
  const executable = await backend.compile({ bytes, precision: "float32" });
  const actual = await executable.run(Object.fromEntries(values));
  await executable.release();
  let largest = 0;
  for (const [output, { data }] of Object.entries(expected)) {
    const other = actual[output]!.data as Float32Array;
    for (const [i, v] of (data as Float32Array).entries()) {
      const delta = Math.abs(v - other[i]!) / (1 + Math.abs(v));
      if (!(delta <= largest)) largest = delta; // NaN comes through
    }
  }
  return largest;
}
