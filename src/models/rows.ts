import { lower, type Signature } from "../graph/lower.ts";
import { shapeAt, sizeAt } from "../graph/shape.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { Backend, Executable, Model } from "../runtime/backend.ts";
import { createKernels } from "../runtime/kernels.ts";
import { flopsOf, largestRowBytes, rowsWithin } from "./cost.ts";

/* A network as a function of rows, each of which comes out the same whatever is computed beside it. */

/** Rows of numbers, or of grey levels v that mean v/255. */
export type RowValues = Float32Array | Uint8Array;

/** A network with its weights, as data: what another thread needs to compute the same. */
export interface RowNetwork {
  readonly model: Model;
  /** None where the outputs do not depend on it. */
  readonly inputs: readonly Signature[];
  readonly outputs: readonly Signature[];
  /** Numbers of a row of the input. */
  readonly width: number;
  /** Rows that go through the network at once, always so many. */
  readonly rowsAtOnce: number;
  /** Floating-point operations of a row's matrix products. */
  readonly flops: number;
}

/** An opened network. */
export interface RowRunner {
  /**
   * Computes `rows` rows of `values`, left as they are until then, into the arrays named as the network's outputs. Calls
   * at once take turns.
   */
  apply(values: RowValues, rows: number, into: Readonly<Record<string, Float32Array>>): Promise<void>;
  release(): Promise<void>;
}

/** How rows are shared among threads. Handed in, so that a bundle for browsers, which have none, is smaller. */
export interface RowSharing {
  /** A runner that computes the same to the bit, large calls in several threads. */
  share(network: RowNetwork, own: RowRunner): RowRunner;
  /** Ends the threads. */
  close(): Promise<void>;
}

/** At most so many rows at once: with more, nothing is gained (docs/dev/performance.md) … */
const mostRows = 128;
/** … at least so many, for which weights are fetched from memory once … */
const fewRows = 8;
/** … and in between, as many as have so many bytes in their largest tensor, and stay in a core's cache … */
const cacheBytes = 2 ** 22;
/** … but fewer than `fewRows` where they would take more than so many bytes in all. */
const mostBytes = 2 ** 28;

/** Numbers of a row of each output. */
export const columnsOf = ({ outputs }: Pick<RowNetwork, "outputs">) =>
  outputs.map(({ name, shape }) => ({ name, columns: sizeAt(shape, 1) }));

/**
 * @param from the input of the outputs, (batch, ...)
 * @param backend that the network is for
 */
export function rowNetwork(
  from: Tensor,
  outputs: Readonly<Record<string, Tensor>>,
  weights: Readonly<Record<string, Float32Array>>,
  backend: Pick<Backend, "device">,
): RowNetwork {
  const tensors = Object.values(outputs);
  // Weights that are stored in the model are brought into the order that products want once, and not for all rows again.
  const lowered = lower(outputs, {
    embed: new Map(Object.entries(weights)),
    ownConvolutions: backend.device === "cpu",
  });
  const cached = 2 ** Math.floor(Math.log2(cacheBytes / largestRowBytes([from, ...tensors])));
  return {
    model: { bytes: lowered.bytes, precision: lowered.precision },
    inputs: lowered.inputs,
    outputs: lowered.outputs,
    width: sizeAt(from.shape, 1),
    rowsAtOnce: rowsWithin(tensors, Math.min(mostRows, Math.max(fewRows, cached)), mostBytes),
    flops: flopsOf(tensors),
  };
}

/**
 * Compiles a network. Always `rowsAtOnce` rows go through it at once, the last ones zeros: the last bits of a matrix
 * product may depend on its height.
 */
export async function openRows(
  backend: Backend,
  { model, inputs, outputs, width, rowsAtOnce }: RowNetwork,
): Promise<RowRunner> {
  const results = columnsOf({ outputs });
  const floats = width + results.reduce((total, { columns }) => total + columns, 0);
  const kernels = createKernels(rowsAtOnce * (4 * floats + width) + 64 * (results.length + 2));
  const source = kernels.float32(rowsAtOnce * width);
  const pixels = kernels.uint8(rowsAtOnce * width);
  const arrays = new Map(results.map(({ name, columns }) => [name, kernels.float32(rowsAtOnce * columns)]));
  const bound = (signatures: readonly Signature[], dataOf: (name: string) => Float32Array) =>
    Object.fromEntries(
      signatures.map(({ name, shape }) => [name, { data: dataOf(name), shape: shapeAt(shape, rowsAtOnce) }]),
    );
  const executable = await backend.compile(model); // when there is memory for its rows
  const run = await bind(
    executable,
    bound(inputs, () => source),
    bound(outputs, (name) => arrays.get(name)!),
  );

  let last: Promise<unknown> = Promise.resolve();
  /** The arrays above are used by one at a time. What fails does not fail the next. */
  const inTurn = (work: () => Promise<void>): Promise<void> => {
    const done = last.then(work);
    last = done.catch(() => undefined);
    return done;
  };

  return {
    async apply(values, rows, into) {
      for (let from = 0; from < rows; from += rowsAtOnce) {
        const count = Math.min(rowsAtOnce, rows - from);
        await inTurn(async () => {
          const part = values.subarray(from * width, (from + count) * width);
          if (part instanceof Uint8Array) {
            pixels.set(part);
            kernels.unitInterval(source, pixels);
          } else source.set(part);
          source.fill(0, part.length);
          await run();
          for (const { name, columns } of results)
            into[name]!.set(arrays.get(name)!.subarray(0, count * columns), from * columns);
        });
      }
    },
    release: () => inTurn(() => executable.release()),
  };
}

type Values = Parameters<Executable["bind"]>[0];

/** Ties an executable to arrays, or releases it. */
async function bind(executable: Executable, feeds: Values, fetches: Values): Promise<() => Promise<void>> {
  try {
    return executable.bind(feeds, fetches);
  } catch (error) {
    await executable.release();
    throw error;
  }
}
