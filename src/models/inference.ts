import type { Config } from "../config.ts";
import type { Dataset } from "../data/dataset.ts";
import { DataError, ShapeError, UsageError } from "../errors.ts";
import { staticSize } from "../graph/shape.ts";
import { input, type Tensor } from "../graph/tensor.ts";
import type { Backend } from "../runtime/backend.ts";
import { show } from "../show.ts";
import type { Conditions } from "./conditions.ts";
import type { PortableModel } from "./portable.ts";
import { type PriorSampler, priorSampler, type Samplers } from "./prior-sampler.ts";
import { openRows, type RowNetwork, type RowRunner, type RowSharing, type RowValues, rowNetwork } from "./rows.ts";
import type { SamplerKind } from "./sampler-kinds.ts";

/** q(z|x) of some rows, (rows, latent) each. */
export interface Posteriors {
  /** Mean and log-variance of the normal; with a flow, of what goes into it. */
  readonly mean: Float32Array;
  readonly logvar: Float32Array;
  /** A place in the latent space for each row, to be decoded: the mean, or where the flow takes it. */
  readonly code: Float32Array;
}

/** A trained model ready for use. Rows are plain arrays, (rows, ...) in row-major order. */
export interface Inference {
  readonly config: Config;
  /** Shape of one example. */
  readonly event: readonly number[];
  readonly latent: number;
  /** What the model is conditional on; absent for nothing. Its `encode` makes conditions as the calls below take them. */
  readonly conditions?: Conditions | undefined;
  /** Draws of p(z). */
  readonly prior: Omit<PriorSampler, "release">;
  /**
   * Draws of the sampler that was fitted to the model and stored with it; absent where the model is in no run.
   * @throws RunError where there is none, or it was fitted to other weights
   */
  sampler?(kind: SamplerKind): Promise<Omit<PriorSampler, "release">>;
  /**
   * q(z|x): x (rows, ...event), left as it is until the result is there; bytes are grey levels v, which mean v/255. A
   * row's result depends neither on the rows beside it nor on the number of threads.
   * @param condition (rows, conditions.width), of a conditional model whose encoder sees it
   */
  encode(x: Float32Array | Uint8Array, rows: number, condition?: Float32Array): Promise<Posteriors>;
  /**
   * Mean of p(x|z): z (rows, latent) → (rows, ...event).
   * @param condition (rows, conditions.width), of a conditional model
   */
  decode(z: Float32Array, rows: number, condition?: Float32Array): Promise<Float32Array>;
  /** Waits for the calls that have begun, and gives back memory and threads. */
  close(): Promise<void>;
}

/**
 * Compiles a model's encoder and decoder, each when it is first used.
 * @param sharing of the rows of large calls among threads. Rows are then the same to the bit for every number of threads
 * if the backend has one
 * @param openSamplers those that may be stored with the model, with the same backend
 */
export function inference(
  { description, vae, weights }: PortableModel,
  backend: Backend,
  sharing?: RowSharing,
  openSamplers?: (backend: Backend) => Promise<Samplers>,
): Inference {
  const { event, latent, conditions } = vae;
  const size = staticSize(event);
  const seesCondition = description.config.model.condition?.encoder ?? false; // the encoder
  const running = new Set<Promise<unknown>>();
  const hasFlow = description.config.model.posterior.flow !== null;
  const prior = priorSampler({ prior: vae.prior(), weights }, latent, backend);
  let fitted: Promise<Samplers> | undefined;
  let closed = false;
  let encoder: Promise<RowRunner> | undefined;
  let decoder: Promise<RowRunner> | undefined;

  const open = async (from: Tensor, outputs: Readonly<Record<string, Tensor>>): Promise<RowRunner> => {
    const network: RowNetwork = rowNetwork(from, outputs, weights, backend);
    const own = await openRows(backend, network);
    return sharing ? sharing.share(network, own) : own;
  };

  /** The input of a network, what the model takes of it, and the model. */
  const rowsOf = async (name: string, shape: readonly number[], conditional: boolean) => {
    if (conditional) return (await import("./given-rows.ts")).rowsGiven(vae, name, shape);
    const values = input(name, ["batch", ...shape]);
    return { whole: values, values, given: vae };
  };
  const openEncoder = async () => {
    const { whole, values, given } = await rowsOf("x", event, seesCondition);
    const { base, flowed } = given.posterior(values);
    const { mean, logvar } = base;
    return open(whole, { mean, logvar, ...(flowed ? { code: flowed() } : {}) });
  };
  const openDecoder = async () => {
    const { whole, values, given } = await rowsOf("z", [latent], conditions !== undefined);
    return open(whole, { x: given.decode(values).mean });
  };

  /** Is waited for before the model closes. */
  const waitedFor = <Result>(work: Promise<Result>): Promise<Result> => {
    running.add(work);
    return work.finally(() => running.delete(work));
  };
  /** Fills arrays. */
  const compute = async <Results extends Readonly<Record<string, Float32Array>>>(
    opening: Promise<RowRunner>,
    values: RowValues,
    rows: number,
    results: Results,
    condition: Float32Array | undefined,
  ): Promise<Results> => {
    const apply = async (runner: RowRunner) => {
      if (!condition) return runner.apply(values, rows, results);
      const { applyGiven } = await import("./given-rows.ts");
      return applyGiven(runner, { values, rows, results, condition });
    };
    await waitedFor(opening.then(apply));
    return results;
  };
  const checkOpen = () => {
    if (closed) throw new UsageError("the model is closed; load it again, or close it later");
  };
  const guarded = ({ noise, draw }: PriorSampler): Omit<PriorSampler, "release"> => ({
    noise,
    async draw(...numbers) {
      checkOpen();
      return waitedFor(draw(...numbers));
    },
  });
  return {
    config: description.config,
    event,
    latent,
    conditions,
    prior: guarded(prior),
    ...(openSamplers && {
      async sampler(kind) {
        checkOpen();
        fitted ??= openSamplers(backend).catch((error: unknown) => {
          fitted = undefined; // another call tries again
          throw error;
        });
        return guarded(await waitedFor(fitted.then((samplers) => samplers.sampler(kind))));
      },
    }),
    async encode(x, rows, condition) {
      checkOpen();
      checkRows("x", x, rows, size);
      const given = seesCondition || !conditions ? checkCondition(conditions, condition, rows) : undefined;
      encoder ??= openEncoder();
      const values = () => new Float32Array(rows * latent);
      const normal = { mean: values(), logvar: values() };
      if (!hasFlow) return { ...(await compute(encoder, x, rows, normal, given)), code: normal.mean };
      return compute(encoder, x, rows, { ...normal, code: values() }, given);
    },
    async decode(z, rows, condition) {
      checkOpen();
      checkRows("z", z, rows, latent);
      const given = checkCondition(conditions, condition, rows);
      decoder ??= openDecoder();
      return (await compute(decoder, z, rows, { x: new Float32Array(rows * size) }, given)).x;
    },
    async close() {
      if (closed) return;
      closed = true;
      await Promise.allSettled(running);
      const opened = await Promise.allSettled([encoder, decoder]);
      await Promise.all(opened.map((network) => network.status === "fulfilled" && network.value?.release()));
      await prior.release();
      await (await fitted)?.release();
      await sharing?.close();
    },
  };
}

/** Refuses conditions where the model has none, and their want where it has. */
function checkCondition(conditions: Conditions | undefined, given: Float32Array | undefined, rows: number) {
  if (!conditions) {
    if (given === undefined) return undefined;
    throw new UsageError("condition: the model is not conditional, and takes none; leave it out");
  }
  if (!given)
    throw new UsageError(
      `condition: the model is conditional on ${conditions.texts.join(", ")}; hand over what model.conditions.encode(given, rows, "given") makes of values for these`,
    );
  checkRows("condition", given, rows, conditions.width);
  return given;
}

/** Refuses what are no rows of so many finite numbers; x may be grey levels. */
function checkRows(name: "x" | "z" | "condition", values: RowValues, rows: number, width: number): void {
  if (!(values instanceof Float32Array || (name === "x" && values instanceof Uint8Array))) {
    const grey = name === "x" ? " or a Uint8Array of grey levels" : "";
    throw new DataError(`${name}: expected a Float32Array${grey}, rows of ${width} values, got ${show(values)}`);
  }
  if (!Number.isSafeInteger(rows) || rows < 0)
    throw new UsageError(`${name}: rows: expected an integer >= 0, got ${show(rows)}`);
  if (values.length !== rows * width)
    throw new ShapeError(
      `${name}: expected ${rows} rows of ${width} values (${rows * width}), got ${values.length} values`,
    );
  if (values instanceof Uint8Array) return;
  for (let i = 0; i < values.length; i++)
    if (!Number.isFinite(values[i]))
      throw new DataError(
        `${name}: row ${Math.floor(i / width)}, value ${i % width}: expected a finite number, got ${values[i]}`,
      );
}

/** Refuses data whose examples have another shape than the model's. */
export function checkEvent(model: Inference, data: Dataset): void {
  if (model.event.join() === data.event.join()) return;
  throw new DataError(
    `${data.name}: its examples have shape [${data.event.join(", ")}], the model was trained on ` +
      `[${model.event.join(", ")}]; take data of that shape`,
  );
}
