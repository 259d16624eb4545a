import * as z from "zod/mini";
import { RunError } from "../errors.ts";
import { decodeSafetensors } from "../storage/safetensors.ts";
import type { NamedArray } from "../storage/safetensors-encode.ts";
import type { Storage } from "../storage/storage.ts";
import { readConditions } from "./conditions.ts";
import { checkShape, readJson } from "./json-file.ts";
import { loadParts } from "./parts.ts";
import { configIn } from "./read-record.ts";
import { files, type ModelDescription, sha256 } from "./save-model.ts";
import { buildVae, type Vae } from "./vae.ts";

export interface PortableModel {
  readonly description: ModelDescription;
  readonly vae: Vae;
  /** By path. */
  readonly weights: Readonly<Record<string, Float32Array>>;
}

/** How often a pair of files from two moments is read again, and milliseconds in between. */
const retries = { count: 4, pause: 200 };

/**
 * Loads a portable model. A run that is training replaces the two files one after the other; a pair from two moments is
 * therefore read again.
 * @throws RunError when a file is missing, damaged, of a later version, or when the weights do not fit the config;
 * UsageError naming a likelihood of the user's own that is not registered
 */
export async function loadModel(storage: Storage): Promise<PortableModel> {
  if (!(await storage.exists(files.description))) throw await missingModel(storage);
  for (let attempt = 0; attempt < retries.count; attempt++) {
    const model = await loadPair(storage);
    if (model) return model;
    await new Promise((resolve) => setTimeout(resolve, retries.pause));
  }
  const model = await loadPair(storage);
  if (model) return model;
  throw new RunError(
    `${storage.location}/${files.weights}: not the weights that ${files.description} was written with; ${rewrite}`,
  );
}

const rewrite = "resume the run (vaekit train … --resume), which writes both files of model/ anew";

async function missingModel(storage: Storage): Promise<RunError> {
  const { location } = storage;
  const missing = `holds no trained model (${files.description} is missing)`;
  if (await storage.exists("config.json"))
    return new RunError(
      `${location}: ${missing}: it has not come to its first validation; let it train on, or resume it (vaekit train … --resume)`,
    );
  return new RunError(
    `${location}: ${missing}, nor anything else of a run; name the directory that was given to vaekit train --out`,
  );
}

/** Undefined when the two files are from two moments. */
async function loadPair(storage: Storage): Promise<PortableModel | undefined> {
  const file = `${storage.location}/${files.description}`;
  const description = parseDescription(new TextDecoder().decode(await storage.read(files.description)), file);
  const { model } = description.config;
  await loadParts(model);
  const conditions = readConditions(model.condition, description.conditions, file, damaged);
  const vae = buildVae(model, description.event, undefined, conditions);
  const weightsFile = `${storage.location}/${files.weights}`;
  const bytes = await storage.read(files.weights);
  const { tensors } = decodeSafetensors(bytes, weightsFile);
  const weights: Record<string, Float32Array> = {};
  for (const { path, shape } of vae.parameters) weights[path] = fitting(tensors, path, shape, weightsFile);
  const extra = [...tensors.keys()].find((path) => !(path in weights));
  if (extra !== undefined)
    throw new RunError(
      `${weightsFile}: tensor "${extra}" has no place in the model that ${files.description} describes; ${otherVersion}`,
    );
  // Last, so that damage that can be named has been named.
  return (await sha256(bytes)) === description.weightsSha256 ? { description, vae, weights } : undefined;
}

const otherVersion =
  'it was likely written by another version of vaekit: use that one (in the run\'s environment.json it is "vaekit"), or train the model again in another directory';

/**
 * A float32 tensor of the shape that the model needs.
 * @throws RunError naming file and tensor
 */
export function fitting(
  tensors: ReadonlyMap<string, NamedArray>,
  name: string,
  shape: readonly number[],
  file: string,
): Float32Array {
  const tensor = tensors.get(name);
  if (!tensor)
    throw new RunError(
      `${file}: does not hold the parameter "${name}" of the model that the config describes; ${otherVersion}`,
    );
  if (!(tensor.data instanceof Float32Array) || tensor.shape.join() !== shape.join())
    throw new RunError(
      `${file}: tensor "${name}" has shape (${tensor.shape}), the model that the config describes needs (${shape}) of 32-bit floats`,
    );
  return tensor.data;
}

const descriptionSchema = z.object({
  format: z.literal("vaekit-model"),
  version: z.literal(2),
  event: z.array(z.int().check(z.minimum(1))).check(z.minLength(1)),
  config: z.unknown(),
  conditions: z.optional(z.unknown()),
  weightsSha256: z.string(),
  trained: z.object({
    epoch: z.int().check(z.minimum(0)),
    step: z.int().check(z.minimum(0)),
    data: z.string(),
    dataName: z.string(),
  }),
});

const damaged = `the file is damaged; ${rewrite}`;

function parseDescription(text: string, file: string): ModelDescription {
  const mend = damaged;
  const value = readJson(text, file, mend);
  const { format, version } = (value ?? {}) as { readonly format?: unknown; readonly version?: unknown };
  if (format !== "vaekit-model")
    throw new RunError(`${file}: no vaekit model (its "format" is ${JSON.stringify(format)}); ${rewrite}`);
  if (version === 1)
    throw new RunError(
      `${file}: written by an earlier version of vaekit (format version 1, this one reads 2), which stored weights in another order; train the model again in another directory`,
    );
  if (version !== 2)
    throw new RunError(
      `${file}: written by a later version of vaekit (format version ${JSON.stringify(version)}, this one reads 2); upgrade vaekit`,
    );
  const description = checkShape(value, descriptionSchema, file, mend);
  // Conditions are checked when their code is there.
  return { ...(description as ModelDescription), config: configIn(description.config, file) };
}
