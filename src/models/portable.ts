import { type Config, parseConfig } from "../config.ts";
import { RunError, VaekitError } from "../errors.ts";
import { decodeSafetensors, encodeSafetensors, type NamedArray } from "../storage/safetensors.ts";
import type { Storage } from "../storage/storage.ts";
import { buildVae, type Vae } from "./vae.ts";

/** What a model file says besides its weights. Data, never code. */
export interface ModelDescription {
  readonly format: "vaekit-model";
  readonly version: 1;
  readonly event: readonly number[];
  readonly config: Config;
  /** SHA-256 of the weights' file in hexadecimal: the two files belong together. */
  readonly weightsSha256: string;
  /** Where the weights come from. */
  readonly trained: { readonly epoch: number; readonly step: number; readonly data: string; readonly dataName: string };
}

export interface PortableModel {
  readonly description: ModelDescription;
  readonly vae: Vae;
  /** By path. */
  readonly weights: Readonly<Record<string, Float32Array>>;
}

const files = { description: "model/model.json", weights: "model/weights.safetensors" } as const;

/** Writes the portable model: model/model.json and model/weights.safetensors, the description last. */
export async function saveModel(
  storage: Storage,
  description: Omit<ModelDescription, "weightsSha256">,
  vae: Vae,
  weights: Readonly<Record<string, Float32Array>>,
): Promise<void> {
  const tensors = new Map<string, NamedArray>(
    vae.parameters.map(({ path, shape }) => [path, { shape, data: weights[path]! }]),
  );
  const bytes = encodeSafetensors(tensors, { format: description.format });
  await storage.write(files.weights, bytes);
  const complete: ModelDescription = { ...description, weightsSha256: await sha256(bytes) };
  await storage.write(files.description, `${JSON.stringify(complete, null, 2)}\n`);
}

/**
 * Loads a portable model.
 * @throws RunError when a file is missing, damaged, of a later version, or when the weights do not fit the config;
 * UsageError naming a likelihood of the user's own that is not registered
 */
export async function loadModel(storage: Storage): Promise<PortableModel> {
  if (!(await storage.exists(files.description)))
    throw new RunError(
      `${storage.location}: holds no trained model (${files.description} is missing); train one with vaekit train, or resume a run that was stopped before its first checkpoint`,
    );
  const file = `${storage.location}/${files.description}`;
  const description = parseDescription(new TextDecoder().decode(await storage.read(files.description)), file);
  const vae = buildVae(description.config.model, description.event);
  const weightsFile = `${storage.location}/${files.weights}`;
  const bytes = await storage.read(files.weights);
  const { tensors } = decodeSafetensors(bytes, weightsFile);
  const weights: Record<string, Float32Array> = {};
  for (const { path, shape } of vae.parameters) weights[path] = fitting(tensors, path, shape, weightsFile);
  const extra = [...tensors.keys()].find((path) => !(path in weights));
  if (extra !== undefined)
    throw new RunError(
      `${weightsFile}: tensor "${extra}" has no place in the model that ${files.description} describes`,
    );
  // Last, so that damage that can be named has been named.
  if ((await sha256(bytes)) !== description.weightsSha256)
    throw new RunError(
      `${weightsFile}: not the weights that ${files.description} was written with. If the run is training, try again; if it was killed, resume it (vaekit train … --resume), which writes both anew`,
    );
  return { description, vae, weights };
}

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
      `${file}: tensor "${name}" is missing; the weights belong to another model than the config describes`,
    );
  if (!(tensor.data instanceof Float32Array) || tensor.shape.join() !== shape.join())
    throw new RunError(
      `${file}: tensor "${name}" has shape (${tensor.shape}), the model that the config describes needs (${shape}) of 32-bit floats`,
    );
  return tensor.data;
}

function parseDescription(text: string, file: string): ModelDescription {
  let value: Partial<Record<keyof ModelDescription, unknown>>;
  try {
    value = JSON.parse(text) as typeof value;
  } catch (error) {
    throw new RunError(`${file}: not JSON (${(error as Error).message}); the file is damaged`);
  }
  if (value?.format !== "vaekit-model")
    throw new RunError(`${file}: no vaekit model (its "format" is ${JSON.stringify(value?.format)})`);
  if (value.version !== 1)
    throw new RunError(
      `${file}: written by a later version of vaekit (format version ${JSON.stringify(value.version)}, this one reads 1); upgrade vaekit`,
    );
  const { event } = value;
  if (!Array.isArray(event) || event.length === 0 || !event.every((dim) => Number.isSafeInteger(dim) && dim > 0))
    throw new RunError(
      `${file}: event: expected the shape of an example such as [28, 28], got ${JSON.stringify(event)}`,
    );
  try {
    return { ...(value as ModelDescription), config: parseConfig(value.config, file) };
  } catch (error) {
    if (error instanceof VaekitError) throw new RunError(error.message, { cause: error });
    throw error;
  }
}

async function sha256(bytes: Uint8Array): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>);
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
