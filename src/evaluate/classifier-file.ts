import * as z from "zod/mini";
import { sha256 } from "../data/fingerprint.ts";
import { RunError, VaekitError } from "../errors.ts";
import { checkShape, readJson } from "../models/json-file.ts";
import { fitting } from "../models/portable.ts";
import { decodeSafetensors } from "../storage/safetensors.ts";
import { encodeSafetensors, type NamedArray } from "../storage/safetensors-encode.ts";
import type { Storage } from "../storage/storage.ts";
import {
  buildClassifier,
  type ClassifierDescription,
  type ClassifierEncoder,
  classifierEncoder,
  type PortableClassifier,
} from "./classifier.ts";

const files = { description: "classifier.json", weights: "classifier.safetensors" } as const;

/** Writes classifier.json and classifier.safetensors, the description last. */
export async function saveClassifier(
  storage: Storage,
  { description, network, weights }: PortableClassifier,
): Promise<void> {
  const tensors = new Map<string, NamedArray>(
    network.parameters.map(({ path, shape }) => [path, { shape, data: weights[path]! }]),
  );
  const bytes = encodeSafetensors(tensors, { format: description.format });
  await storage.write(files.weights, bytes);
  const complete = { ...description, weightsSha256: await sha256(bytes) };
  await storage.write(files.description, `${JSON.stringify(complete, null, 2)}\n`);
}

const mend = "train the classifier again, into a folder of its own";

/**
 * A classifier that was saved; undefined where there is none.
 * @throws RunError for files that are damaged, of a later version, or do not belong together
 */
export async function loadClassifier(storage: Storage): Promise<PortableClassifier | undefined> {
  if (!(await storage.exists(files.description))) return undefined;
  const { weightsSha256, ...description } = await readDescription(storage);
  const file = `${storage.location}/${files.weights}`;
  const bytes = await storage.read(files.weights);
  if ((await sha256(bytes)) !== weightsSha256)
    throw new RunError(`${file}: not the weights that ${files.description} was written with; ${mend}`);
  const { tensors } = decodeSafetensors(bytes, file);
  const network = await buildClassifier(description.encoder, description.event, description.classes);
  const weights = Object.fromEntries(
    network.parameters.map(({ path, shape }) => [path, fitting(tensors, path, shape, file)]),
  );
  return { description, network, weights };
}

const count = z.int().check(z.minimum(0));
const schema = z.object({
  format: z.literal("vaekit-classifier"),
  version: z.literal(1),
  event: z.array(z.int().check(z.minimum(1))).check(z.minLength(1)),
  classes: z.int().check(z.minimum(2)),
  encoder: z.unknown(),
  trained: z.object({
    data: z.string(),
    labels: z.string(),
    dataName: z.string(),
    settings: z.object({
      epochs: count,
      batchSize: count,
      learningRate: z.number(),
      dropout: z.number(),
      shift: count,
      flip: z.boolean(),
      seed: count,
    }),
    validationAccuracy: z.number(),
  }),
  weightsSha256: z.string(),
});

async function readDescription(storage: Storage): Promise<ClassifierDescription & { readonly weightsSha256: string }> {
  const file = `${storage.location}/${files.description}`;
  const value = readJson(new TextDecoder().decode(await storage.read(files.description)), file, mend);
  const description = checkShape(value, schema, file, mend);
  return { ...description, encoder: encoderIn(description.encoder, description.event, file) };
}

function encoderIn(value: unknown, event: readonly number[], file: string): ClassifierEncoder {
  try {
    return classifierEncoder(event, value);
  } catch (error) {
    if (error instanceof VaekitError) throw new RunError(`${file}: ${error.message}; ${mend}`, { cause: error });
    throw error;
  }
}
