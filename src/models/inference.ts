import type { Config } from "../config.ts";
import type { Dataset } from "../data/dataset.ts";
import { DataError, ShapeError, UsageError } from "../errors.ts";
import { staticSize } from "../graph/shape.ts";
import { input, type Tensor } from "../graph/tensor.ts";
import type { Backend } from "../runtime/backend.ts";
import { show } from "../show.ts";
import type { PortableModel } from "./portable.ts";
import { type PriorSampler, priorSampler } from "./prior-sampler.ts";
import { openRows, type RowNetwork, type RowRunner, type RowSharing, type RowValues, rowNetwork } from "./rows.ts";

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
  /** Draws of p(z). */
  readonly prior: Omit<PriorSampler, "release">;
  /**
   * q(z|x): x (rows, ...event), left as it is until the result is there; bytes are grey levels v, which mean v/255. A
   * row's result depends neither on the rows beside it nor on the number of threads.
   */
  encode(x: Float32Array | Uint8Array, rows: number): Promise<Posteriors>;
  /** Mean of p(x|z): z (rows, latent) → (rows, ...event). */
  decode(z: Float32Array, rows: number): Promise<Float32Array>;
  /** Waits for the calls that have begun, and gives back memory and threads. */
  close(): Promise<void>;
}

/**
 * Compiles a model's encoder and decoder, each when it is first used.
 * @param sharing of the rows of large calls among threads. Rows are then the same to the bit for every number of threads
 * if the backend has one
 */
export function inference(
  { description, vae, weights }: PortableModel,
  backend: Backend,
  sharing?: RowSharing,
): Inference {
  const { event, latent } = vae;
  const size = staticSize(event);
  const running = new Set<Promise<unknown>>();
  const hasFlow = description.config.model.posterior.flow !== null;
  const prior = priorSampler({ vae, weights }, backend);
  let closed = false;
  let encoder: Promise<RowRunner> | undefined;
  let decoder: Promise<RowRunner> | undefined;

  const open = async (from: Tensor, outputs: Readonly<Record<string, Tensor>>): Promise<RowRunner> => {
    const network: RowNetwork = rowNetwork(from, outputs, weights, backend);
    const own = await openRows(backend, network);
    return sharing ? sharing.share(network, own) : own;
  };

  const openEncoder = () => {
    const x = input("x", ["batch", ...event]);
    const { base, flowed } = vae.posterior(x);
    const { mean, logvar } = base;
    return open(x, { mean, logvar, ...(flowed ? { code: flowed() } : {}) });
  };
  const openDecoder = () => {
    const z = input("z", ["batch", latent]);
    return open(z, { x: vae.decode(z).mean });
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
  ): Promise<Results> => {
    await waitedFor(opening.then((runner) => runner.apply(values, rows, results)));
    return results;
  };
  const checkOpen = () => {
    if (closed) throw new UsageError("the model is closed; load it again, or close it later");
  };
  return {
    config: description.config,
    event,
    latent,
    prior: {
      noise: prior.noise,
      async draw(...noise) {
        checkOpen();
        return waitedFor(prior.draw(...noise));
      },
    },
    async encode(x, rows) {
      checkOpen();
      checkRows("x", x, rows, size);
      encoder ??= openEncoder();
      const values = () => new Float32Array(rows * latent);
      const normal = { mean: values(), logvar: values() };
      if (!hasFlow) return { ...(await compute(encoder, x, rows, normal)), code: normal.mean };
      return compute(encoder, x, rows, { ...normal, code: values() });
    },
    async decode(z, rows) {
      checkOpen();
      checkRows("z", z, rows, latent);
      decoder ??= openDecoder();
      return (await compute(decoder, z, rows, { x: new Float32Array(rows * size) })).x;
    },
    async close() {
      if (closed) return;
      closed = true;
      await Promise.allSettled(running);
      const opened = await Promise.allSettled([encoder, decoder]);
      await Promise.all(opened.map((network) => network.status === "fulfilled" && network.value?.release()));
      await prior.release();
      await sharing?.close();
    },
  };
}

/** Refuses what are no rows of so many finite numbers; x may be grey levels. */
function checkRows(name: "x" | "z", values: RowValues, rows: number, width: number): void {
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
