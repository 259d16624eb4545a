import type { Config } from "../config.ts";
import type { Dataset } from "../data/dataset.ts";
import { DataError, ShapeError, UsageError } from "../errors.ts";
import { staticSize } from "../graph/shape.ts";
import { input } from "../graph/tensor.ts";
import type { Backend } from "../runtime/backend.ts";
import { compile } from "../runtime/program.ts";
import { show } from "../show.ts";
import { rowsWithin } from "./cost.ts";
import type { PortableModel } from "./portable.ts";

/** Parameters of q(z|x), (rows, latent) each. */
export interface Posteriors {
  readonly mean: Float32Array;
  readonly logvar: Float32Array;
}

/** A trained model ready for use. Rows are plain arrays, (rows, ...) in row-major order. */
export interface Inference {
  readonly config: Config;
  /** Shape of one example. */
  readonly event: readonly number[];
  readonly latent: number;
  /**
   * q(z|x): x (rows, ...event), left as it is until the result is there. A row's result does not depend on the rows
   * beside it. Several calls at once are computed one after the other.
   */
  encode(x: Float32Array, rows: number): Promise<Posteriors>;
  /** Mean of p(x|z): z (rows, latent) → (rows, ...event). */
  decode(z: Float32Array, rows: number): Promise<Float32Array>;
  close(): Promise<void>;
}

/**
 * Rows that go through the network at once, fewer where they would take more bytes than `mostBytes`. For one network
 * always so many, the last ones zeros: the last bits of a matrix product may depend on its height, and a row shall come
 * out the same whatever is computed beside it.
 */
const mostRows = 128;
const mostBytes = 2 ** 28;

/** Compiles a model's encoder and decoder, each when it is first used. */
export function inference({ description, vae, weights }: PortableModel, backend: Backend): Inference {
  const { event, latent } = vae;
  const size = staticSize(event);

  /** A network as a function of rows: its input's name and width, and its outputs' widths by name. */
  const network = (
    name: string,
    width: number,
    outputs: Parameters<typeof compile>[1],
    widths: Readonly<Record<string, number>>,
  ) => {
    const chunkRows = rowsWithin(Object.values(outputs), mostRows, mostBytes);
    const source = new Float32Array(chunkRows * width);
    const results = Object.fromEntries(
      Object.entries(widths).map(([key, columns]) => [key, new Float32Array(chunkRows * columns)]),
    );
    const program = compile(backend, outputs);
    const run = program.then((compiled) => compiled.bind(chunkRows, { ...weights, [name]: source }, results));
    let last: Promise<unknown> = run.catch(() => undefined);

    const apply = async (values: Float32Array, rows: number): Promise<Record<string, Float32Array>> => {
      const all = Object.fromEntries(
        Object.entries(widths).map(([key, columns]) => [key, new Float32Array(rows * columns)]),
      );
      for (let from = 0; from < rows; from += chunkRows) {
        const count = Math.min(chunkRows, rows - from);
        source.fill(0);
        source.set(values.subarray(from * width, (from + count) * width));
        await (await run)();
        for (const [key, columns] of Object.entries(widths))
          all[key]!.set(results[key]!.subarray(0, count * columns), from * columns);
      }
      return all;
    };

    return {
      /** Calls take their turns, for they share the arrays above. One that fails does not fail the next. */
      async apply(values: Float32Array, rows: number): Promise<Record<string, Float32Array>> {
        if (closed) throw new UsageError("the model is closed; load it again, or close it later");
        checkRows(name, values, rows, width);
        const result = last.then(() => apply(values, rows));
        last = result.catch(() => undefined);
        return result;
      },
      async release() {
        await last;
        await (await program).release();
      },
    };
  };

  let closed = false;
  let encoder: ReturnType<typeof network> | undefined;
  let decoder: ReturnType<typeof network> | undefined;
  return {
    config: description.config,
    event,
    latent,
    async encode(x, rows) {
      encoder ??= network("x", size, vae.encode(input("x", ["batch", ...event])).parameters, {
        mean: latent,
        logvar: latent,
      });
      const { mean, logvar } = await encoder.apply(x, rows);
      return { mean: mean!, logvar: logvar! };
    },
    async decode(z, rows) {
      decoder ??= network("z", latent, { x: vae.decode(input("z", ["batch", latent])).mean }, { x: size });
      return (await decoder.apply(z, rows)).x!;
    },
    async close() {
      if (closed) return;
      closed = true;
      await Promise.all([encoder?.release(), decoder?.release()]);
    },
  };
}

/** Refuses what are no rows of so many finite numbers. */
function checkRows(name: string, values: Float32Array, rows: number, width: number): void {
  if (!(values instanceof Float32Array))
    throw new DataError(`${name}: expected a Float32Array, rows of ${width} values, got ${show(values)}`);
  if (!Number.isSafeInteger(rows) || rows < 0)
    throw new UsageError(`${name}: rows: expected an integer >= 0, got ${show(rows)}`);
  if (values.length !== rows * width)
    throw new ShapeError(
      `${name}: expected ${rows} rows of ${width} values (${rows * width}), got ${values.length} values`,
    );
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
