import type { Config } from "../config.ts";
import { encodeSafetensors, type NamedArray } from "../storage/safetensors-encode.ts";
import type { Storage } from "../storage/storage.ts";
import type { ConditionColumn } from "./conditions.ts";
import type { Vae } from "./vae.ts";

/** What a model file says besides its weights. Data, never code. */
export interface ModelDescription {
  readonly format: "vaekit-model";
  /** 1 had the weights of hidden dense layers the other way round. */
  readonly version: 2;
  readonly event: readonly number[];
  readonly config: Config;
  /** What a conditional model is conditional on. */
  readonly conditions?: readonly ConditionColumn[] | undefined;
  /** SHA-256 of the weights' file in hexadecimal: the two files belong together. */
  readonly weightsSha256: string;
  /** Where the weights come from. */
  readonly trained: { readonly epoch: number; readonly step: number; readonly data: string; readonly dataName: string };
}

/** Of the portable model, in its run. */
export const files = { description: "model/model.json", weights: "model/weights.safetensors" } as const;

/** Writes the portable model: model/model.json and model/weights.safetensors, the description last. */
export async function saveModel(
  storage: Storage,
  description: Omit<ModelDescription, "weightsSha256" | "conditions">,
  vae: Vae,
  weights: Readonly<Record<string, Float32Array>>,
): Promise<void> {
  const tensors = new Map<string, NamedArray>(
    vae.parameters.map(({ path, shape }) => [path, { shape, data: weights[path]! }]),
  );
  const bytes = encodeSafetensors(tensors, { format: description.format });
  await storage.write(files.weights, bytes);
  const conditions = vae.conditions && { conditions: vae.conditions.columns };
  const complete: ModelDescription = { ...description, ...conditions, weightsSha256: await sha256(bytes) };
  await storage.write(files.description, `${JSON.stringify(complete, null, 2)}\n`);
}

/** In hexadecimal. */
export async function sha256(bytes: Uint8Array): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>);
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
