import type * as z from "zod/mini";
import type { ConditionConfig } from "./config.condition.ts";
import { type Checked, contradictions } from "./config.contradictions.ts";
import { issueLines } from "./config.fields.ts";
import type { LatentsConfig, PriorConfig } from "./config.latents.ts";
import { type LikelihoodConfig, resolveLikelihood } from "./config.likelihoods.ts";
import { type NetworkConfig, resolveNetworks } from "./config.networks.ts";
import { type ObjectiveConfig, resolveObjective } from "./config.objective.ts";
import { isReserved, lineOf, notAKey, notPlain } from "./config.plain.ts";
import { configSchema, keysAt } from "./config.schema.ts";
import { UsageError } from "./errors.ts";
import { locateJsonError } from "./json-error.ts";
import { suggest } from "./nearest.ts";
import { isRecord, show } from "./show.ts";

export type Binarization = "none" | "static" | "dynamic";

/** Of the learning rate. warmup, every: steps; final: fraction of learningRate; patience: validations. */
export type ScheduleConfig = { readonly warmup: number } & (
  | { readonly kind: "constant" }
  | { readonly kind: "cosine"; readonly final: number }
  | { readonly kind: "step"; readonly factor: number; readonly every: number }
  | { readonly kind: "plateau"; readonly factor: number; readonly patience: number; readonly final: number }
);

export interface ParameterGroupConfig {
  readonly parameters: readonly string[];
  /** Factor. */
  readonly learningRate: number;
  readonly weightDecay?: number | undefined;
}

interface CommonOptimizerConfig {
  readonly learningRate: number;
  readonly clip: number | null;
  readonly skipAbove: number | null;
  readonly groups: readonly ParameterGroupConfig[];
  readonly schedule: ScheduleConfig;
}

interface MomentConfig extends CommonOptimizerConfig {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
}

export type OptimizerConfig =
  | (MomentConfig & { readonly kind: "adam" })
  | (MomentConfig & { readonly kind: "adamw" | "adamax"; readonly weightDecay: number })
  | (CommonOptimizerConfig & {
      readonly kind: "sgd";
      readonly momentum: number;
      readonly nesterov: boolean;
      readonly weightDecay: number;
    });

/** A config with every default filled in. null means: not set. `configJsonSchema()` describes each key. */
export interface Config {
  readonly data: {
    readonly binarization: Binarization;
    /** A count (>= 1) or a fraction (< 1); null leaves it to the source. */
    readonly validation: number | null;
    readonly test: number | null;
    readonly examples: number | null;
    /** A CSV file of numbers of each example. */
    readonly conditions: string | null;
    readonly seed: number;
  };
  readonly model: {
    readonly latent: number;
    readonly encoder: NetworkConfig;
    readonly decoder: NetworkConfig;
    readonly prior: PriorConfig;
    readonly posterior: LatentsConfig["posterior"];
    readonly likelihood: LikelihoodConfig;
    readonly condition: ConditionConfig | null;
  };
  readonly objective: ObjectiveConfig;
  readonly optimizer: OptimizerConfig;
  readonly train: {
    readonly batchSize: number;
    readonly microBatch: number | null;
    readonly steps: number | null;
    readonly epochs: number | null;
    readonly minutes: number | null;
    readonly seed: number;
    readonly patience: number | null;
    readonly validateEvery: number;
    readonly average: number | null;
    readonly checkpointSeconds: number;
  };
}

/** A config as a user writes it: every key may be left out. */
export type PartialConfig = z.input<typeof configSchema>;

/**
 * Checks a config and fills in every default. `where` names it in messages, e.g. the file.
 * Throws a UsageError with a line for each defect: `config.json: model.latent: expected a positive integer, got 0`.
 * A resolved config passes unchanged.
 */
export function parseConfig(value: unknown, where = "config"): Config {
  const parsed = configSchema.safeParse(value);
  const lines = parsed.success ? contradictions(parsed.data) : issueLines(parsed.error);
  const unsaid = notPlain(value).filter(
    ({ path, problem }) => problem === notAKey || !lines.some((line) => line.startsWith(`${path}:`)),
  );
  const defects = [...unsaid.map(lineOf), ...lines];
  if (!parsed.success || defects.length > 0) {
    throw new UsageError(defects.map((defect) => `${where}: ${defect}`).join("\n"));
  }
  return resolve(parsed.data);
}

/** The defaults that depend on other keys; the others stand in config.schema.ts. */
function resolve({ data, model, objective, optimizer, train }: Checked): Config {
  const likelihood = resolveLikelihood(model.likelihood);
  const length = train.steps ?? train.epochs ?? train.minutes;
  return {
    data: { ...data, binarization: data.binarization ?? (likelihood.kind === "bernoulli" ? "dynamic" : "none") },
    model: {
      ...model,
      ...resolveNetworks(model.encoder, model.decoder),
      likelihood,
    },
    objective: resolveObjective(objective),
    optimizer: resolveOptimizer(optimizer),
    train: { ...train, steps: train.steps ?? null, epochs: train.epochs ?? (length === null ? 50 : null) },
  };
}

function resolveOptimizer(given: Checked["optimizer"]): OptimizerConfig {
  const { kind, learningRate, clip, skipAbove, groups, schedule } = given;
  const common = { learningRate, clip, skipAbove, groups, schedule };
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, momentum = 0.9, nesterov = false } = given;
  const { weightDecay = kind === "adamw" ? 0.01 : 0 } = given;
  if (kind === "sgd") return { kind, ...common, momentum, nesterov, weightDecay };
  const moments = { ...common, beta1, beta2, epsilon };
  return kind === "adam" ? { kind, ...moments } : { kind, ...moments, weightDecay };
}

/**
 * The value that a config's text holds, for `applySet` and `parseConfig`.
 * Throws a UsageError that names the line and column where the text stops being JSON.
 */
export function parseConfigText(text: string, file: string): unknown {
  const json = text.startsWith("\uFEFF") ? text.slice(1) : text; // a byte order mark, as Windows editors write it
  try {
    return JSON.parse(json);
  } catch {
    const { line, column, problem } = locateJsonError(json);
    throw new UsageError(`${file}:${line}:${column}: not JSON: ${problem}`);
  }
}

/**
 * A copy of a raw config with `key=value` settings applied in order, e.g. `model.latent=50`. A value is read as JSON
 * and, where it is not JSON, as a string. Throws a UsageError for an unknown key, naming the nearest known one.
 */
export function applySet(config: unknown, settings: readonly string[]): unknown {
  if (!isRecord(config ?? {})) throw new UsageError(`config: expected an object, got ${show(config)}`);
  const defects = notPlain(config);
  if (defects.length > 0) throw new UsageError(defects.map((defect) => `config: ${lineOf(defect)}`).join("\n"));
  if (!Array.isArray(settings) || !settings.every((setting) => typeof setting === "string"))
    throw new UsageError(`settings: expected a list such as ["model.latent=50"], got ${show(settings)}`);
  const result = structuredClone(config ?? {}) as Record<string, unknown>;
  for (const setting of settings) {
    const equals = setting.indexOf("=");
    const path = setting.slice(0, equals).trim().split(".");
    if (equals < 1) throw new UsageError(`--set: expected key=value such as model.latent=50, got "${setting}"`);
    checkPath(path);
    let section = result;
    for (const key of path.slice(0, -1)) {
      if (!Object.hasOwn(section, key) || section[key] === null) section[key] = {};
      const next = section[key];
      if (!isRecord(next)) throw new UsageError(`--set ${path.join(".")}: "${key}" is ${show(next)} and has no keys`);
      section = next;
    }
    section[path.at(-1)!] = readValue(setting.slice(equals + 1).trim());
  }
  return result;
}

function checkPath(path: readonly string[]): void {
  const whole = path.join(".");
  for (const [depth, key] of path.entries()) {
    if (isReserved(key)) throw new UsageError(`--set ${whole}: "${key}" is not allowed as a key`);
    const above = path.slice(0, depth);
    const known = keysAt(above);
    if (known === undefined) {
      throw new UsageError(`--set ${whole}: "${above.join(".")}" is a value and has no keys; set it as a whole`);
    }
    if (key === "") throw new UsageError(`--set ${whole}: expected a key such as model.latent, got an empty part`);
    if (known !== "any" && !known.includes(key)) {
      throw new UsageError(`--set ${whole}: unknown key "${key}"; ${suggest(key, known)}`);
    }
    if (known === "any" && depth + 1 < path.length && keysAt(path.slice(0, depth + 1)) === undefined) {
      throw new UsageError(`--set ${whole}: set "${path.slice(0, depth + 1).join(".")}" as a whole, as JSON`);
    }
  }
}

function readValue(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** How a config splits its data, as `loadSplits` takes it: what is null is left to the source. */
export function splitOptions({ data }: Config): {
  readonly seed: number;
  readonly validation?: number;
  readonly test?: number;
  readonly examples?: number;
  readonly conditions?: string;
} {
  return {
    seed: data.seed,
    ...(data.validation === null ? {} : { validation: data.validation }),
    ...(data.test === null ? {} : { test: data.test }),
    ...(data.examples === null ? {} : { examples: data.examples }),
    ...(data.conditions === null ? {} : { conditions: data.conditions }),
  };
}
