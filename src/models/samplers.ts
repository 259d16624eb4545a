import * as z from "zod/mini";
import type { Prior } from "../distributions/latent.ts";
import { NumericalError, RunError, UsageError } from "../errors.ts";
import { decodeSafetensors } from "../storage/safetensors.ts";
import { encodeSafetensors, type NamedArray } from "../storage/safetensors-encode.ts";
import type { Storage } from "../storage/storage.ts";
import { checkShape, readJson } from "./json-file.ts";
import type { PortableModel } from "./portable.ts";
import type { SamplerKind } from "./sampler-kinds.ts";
import { type SamplerShape, samplerParts } from "./sampler-parts.ts";
import type { ModelDescription } from "./save-model.ts";

/* Samplers in the files of a run: model/samplers/KIND.safetensors each, with its description among the metadata. */

/** What a sampler was fitted to, and how well. */
export interface SamplerDescription {
  readonly format: "vaekit-sampler";
  readonly version: 1;
  readonly shape: SamplerShape;
  /** Of the model whose q(z|x) the draws are from: with other weights it is another one. */
  readonly weightsSha256: string;
  /** The data whose training examples these are, a draw for each. */
  readonly data: string;
  readonly dataName: string;
  readonly examples: number;
  /** Of the draws, and of where the fit starts. */
  readonly seed: number;
  /** Optimizer steps, or iterations of EM, that were taken. */
  readonly steps: number;
  /** Mean of −log q(z) over draws for the validation examples. */
  readonly negLogProbNats: number;
  /** The same of −log p(z), the model's own prior; null where it is not finite. */
  readonly priorNegLogProbNats: number | null;
}

export interface StoredSampler {
  readonly description: SamplerDescription;
  readonly prior: Pick<Prior, "noise" | "sample">;
  /** By path. */
  readonly weights: Readonly<Record<string, Float32Array>>;
}

const fileOf = (kind: SamplerKind): string => `model/samplers/${kind}.safetensors`;

const count = z.int().check(z.minimum(1));
const components = count;
const schema = z.object({
  format: z.literal("vaekit-sampler"),
  version: z.literal(1),
  shape: z.discriminatedUnion("kind", [
    z.object({ kind: z.literal("mixture"), components }),
    z.object({ kind: z.literal("flow"), components, layers: count, hidden: z.array(count).check(z.minLength(1)) }),
  ]),
  weightsSha256: z.string(),
  data: z.string(),
  dataName: z.string(),
  examples: count,
  seed: z.int().check(z.minimum(0)),
  steps: count,
  negLogProbNats: z.number(),
  priorNegLogProbNats: z.nullable(z.number()),
});

/**
 * Writes a sampler in the place of an earlier one of its kind, and gives the file's path.
 * @throws NumericalError for a figure that is not finite, with which it could not be read
 */
export async function saveSampler(
  storage: Storage,
  latent: number,
  description: SamplerDescription,
  weights: Readonly<Record<string, Float32Array>>,
): Promise<string> {
  const { shape } = description;
  for (const name of ["negLogProbNats", "priorNegLogProbNats"] as const)
    if (!Number.isFinite(description[name] ?? 0))
      throw new NumericalError(
        `the sampler "${shape.kind}" has ${name} ${description[name]} and is not stored; look for draws of q(z|x) far from the others, or draw from the model's own prior`,
      );
  const { parameters } = samplerParts(shape, latent);
  const tensors = new Map<string, NamedArray>(
    parameters.map(({ path, shape }) => [path, { shape, data: weights[path]! }]),
  );
  const file = fileOf(shape.kind);
  await storage.write(file, encodeSafetensors(tensors, { description: JSON.stringify(description) }));
  return `${storage.location}/${file}`;
}

const mend = "fit it anew (vaekit sample … --refit)";

/**
 * The sampler of a kind that lies in a run; undefined where there is none.
 * @throws RunError where its file is damaged, of a later version, or not for so many latents
 */
export async function readSampler(
  storage: Storage,
  kind: SamplerKind,
  latent: number,
): Promise<StoredSampler | undefined> {
  if (!(await storage.exists(fileOf(kind)))) return undefined;
  const file = `${storage.location}/${fileOf(kind)}`;
  const { tensors, metadata } = decodeSafetensors(await storage.read(fileOf(kind)), file);
  const found = readJson(metadata.description ?? "null", file, mend);
  const description = checkShape<SamplerDescription>(found, schema, file, mend);
  if (description.shape.kind !== kind)
    throw new RunError(`${file}: holds the sampler "${description.shape.kind}", not "${kind}"; ${mend}`);
  checkNumbers(description.shape, tensors.values(), file);
  const { prior, parameters } = samplerParts(description.shape, latent);
  const weights: Record<string, Float32Array> = {};
  for (const { path, shape } of parameters) {
    const tensor = tensors.get(path);
    if (!(tensor?.data instanceof Float32Array) || tensor.shape.join() !== shape.join())
      throw new RunError(
        `${file}: tensor "${path}": expected 32-bit floats (${shape}), got ${tensor ? `(${tensor.shape})` : "none"}; ${mend}`,
      );
    weights[path] = tensor.data;
  }
  return { description, prior, weights };
}

/** Refuses a shape that takes more numbers than the file holds, before anything of that size is made. @throws RunError */
function checkNumbers(
  shape: SamplerShape,
  tensors: Iterable<{ readonly data: ArrayLike<unknown> }>,
  file: string,
): void {
  let held = 0;
  for (const { data } of tensors) held += data.length;
  const ofLayer = (hidden: readonly number[]) =>
    hidden.reduce((total, width, i) => total + width * (hidden[i - 1] ?? 1), 0);
  const fewest = shape.components + (shape.kind === "flow" ? shape.layers * ofLayer(shape.hidden) : 0);
  if (fewest > held)
    throw new RunError(`${file}: its shape takes ${fewest} numbers at least, and it holds ${held}; ${mend}`);
}

/** Whether a sampler is of a model as it is now. */
export const isOf = ({ description }: StoredSampler, model: Pick<PortableModel, "description">): boolean =>
  description.weightsSha256 === model.description.weightsSha256;

/**
 * Refuses a conditional model: its z come from p(z|c) or meet a condition, and draws for all conditions together are of none.
 * @throws UsageError
 */
export function checkUnconditional({ config }: Pick<ModelDescription, "config">): void {
  if (config.model.condition === null) return;
  throw new UsageError(
    "prior: a sampler is fitted to the z of all training examples together, and this model is conditional, with other z for " +
      'other conditions; draw from its own prior ("model") with conditions given',
  );
}

/**
 * The sampler of a kind that was fitted to a model.
 * @throws UsageError for a conditional model; RunError where there is none, or it was fitted to other weights, as before the model was trained on
 */
export async function samplerOf(
  storage: Storage,
  kind: SamplerKind,
  model: Pick<PortableModel, "description" | "vae">,
): Promise<StoredSampler> {
  checkUnconditional(model.description);
  const stored = await readSampler(storage, kind, model.vae.latent);
  const how = `fit one: vaekit sample … --prior ${kind}, or fitSampler(model, { kind: "${kind}" }) in Node`;
  if (!stored) throw new RunError(`${storage.location}: no sampler "${kind}" is stored with the model; ${how}`);
  if (isOf(stored, model)) return stored;
  throw new RunError(
    `${storage.location}/${fileOf(kind)}: was fitted before the model was trained on, to other weights; ${how}`,
  );
}
