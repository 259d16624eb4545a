import * as z from "zod/mini";
import { checkOptions, expected, section } from "../config.fields.ts";
import type { Splits } from "../data/dataset.ts";
import type { OpenRun } from "../models/open.node.ts";
import { loadTrainingSplits } from "../models/run-data.node.ts";
import { checkUnconditional, isOf, readSampler } from "../models/samplers.ts";
import { isRecord } from "../show.ts";
import { checkModel } from "./check.ts";
import { type FitOptions, type FittedSampler, fitOptions, fitSamplerOf, suits } from "./fit-sampler.ts";

export interface FitSamplerOptions extends FitOptions {
  /**
   * What the run was trained on: a source as `loadSplits` takes it, where the data lie elsewhere now, or the splits, as of
   * data in memory. Default: what the run names. Other data are refused.
   */
  readonly data?: string | Splits | undefined;
}

const schema = section({
  ...fitOptions,
  data: z.optional(
    z.union(
      [z.string().check(z.minLength(1)), z.custom<Splits>(isRecord)],
      expected('a file, a folder, "sprites" or splits'),
    ),
  ),
} satisfies Record<keyof FitSamplerOptions, z.ZodMiniType>);

/**
 * Fits a sampler to a run's model and stores it in model/samplers, in the place of an earlier one: see `fitSamplerOf`.
 * `generate(model, { prior: kind })` then draws from it.
 */
export async function fitSampler(model: OpenRun, { data, ...options }: FitSamplerOptions): Promise<FittedSampler> {
  checkModel(model);
  checkOptions("fitSampler", schema, { data, ...options });
  checkUnconditional(model.description); // before data are read for nothing
  const splits = await loadTrainingSplits(model, data);
  return fitSamplerOf(model, model.backend, model.storage, splits, options);
}

export interface EnsureOptions extends FitSamplerOptions {
  /** Fits anew in any case. */
  readonly refit?: boolean | undefined;
}

/**
 * Fits a sampler unless one is stored that belongs to the model's weights, and is as it is wished for. Where data are
 * named, it must have been fitted to them.
 * @returns what was fitted, if so
 */
export async function ensureSampler(
  model: OpenRun,
  { refit = false, data, ...options }: EnsureOptions,
): Promise<FittedSampler | undefined> {
  const { kind } = options;
  checkUnconditional(model.description);
  const stored = refit ? undefined : await readSampler(model.storage, kind, model.latent);
  const fits = stored && isOf(stored, model) && suits(stored.description, options);
  if (fits && data === undefined) return undefined;
  const splits = await loadTrainingSplits(model, data);
  if (fits && stored.description.data === splits.train.fingerprint) return undefined;
  return fitSamplerOf(model, model.backend, model.storage, splits, options);
}
