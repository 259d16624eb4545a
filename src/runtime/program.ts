import { UsageError } from "../errors.ts";
import { type Lowered, type LowerOptions, lower, type Precision, type Signature } from "../graph/lower.ts";
import { elementCount, formatShape, isSymbolic, shapeAt, sizeAt } from "../graph/shape.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { Backend, CompileOptions, Data, Value } from "./backend.ts";

/** What a program takes: arrays of exactly the size that the shape says, or a number for a scalar. */
export type Feeds = Readonly<Record<string, Data | number>>;

/** A set of named outputs, compiled. Built once for every batch size; scalars are inputs, so nothing is recompiled. */
export interface Program {
  readonly inputs: readonly Signature[];
  readonly outputs: readonly Signature[];
  readonly lowered: Lowered;
  /** Runs with new outputs. The batch size is read off the inputs. UsageError for a missing or misshapen input. */
  run(feeds: Feeds): Promise<Readonly<Record<string, Value>>>;
  /** Ties arrays to inputs and outputs; the result runs in place and allocates nothing. */
  bind(
    batchSize: number,
    feeds: Readonly<Record<string, Data>>,
    fetches: Readonly<Record<string, Data>>,
  ): () => Promise<void>;
  release(): Promise<void>;
}

export async function compile(
  backend: Backend,
  outputs: Readonly<Record<string, Tensor>>,
  options: LowerOptions & CompileOptions = {},
): Promise<Program> {
  const lowered = lower(outputs, options);
  const executable = await backend.compile(lowered, options);
  const { inputs, precision } = lowered;

  const values = (signatures: readonly Signature[], arrays: Readonly<Record<string, Data>>, batchSize: number) =>
    Object.fromEntries(
      signatures.map((signature) => {
        const data = arrays[signature.name];
        if (!data)
          throw new UsageError(
            `the program needs "${signature.name}" ${formatShape(signature.shape)}, which was not given`,
          );
        return [signature.name, checked(signature, data, batchSize)];
      }),
    );

  return {
    inputs,
    outputs: lowered.outputs,
    lowered,
    async run(feeds) {
      const arrays = Object.fromEntries(
        inputs.flatMap(({ name, dtype }) => {
          const data = feeds[name];
          return data === undefined ? [] : [[name, typeof data === "number" ? scalar(data, dtype, precision) : data]];
        }),
      );
      return executable.run(values(inputs, arrays, batchSizeOf(inputs, arrays)));
    },
    bind(batchSize, feeds, fetches) {
      return executable.bind(values(inputs, feeds, batchSize), values(lowered.outputs, fetches, batchSize));
    },
    release: () => executable.release(),
  };
}

function scalar(value: number, dtype: Signature["dtype"], precision: Precision): Data {
  if (dtype === "int") return BigInt64Array.of(BigInt(value));
  if (dtype === "bool") return Uint8Array.of(value);
  return precision === "float32" ? Float32Array.of(value) : Float64Array.of(value);
}

function checked({ name, shape }: Signature, data: Data, batchSize: number): Value {
  const expected = sizeAt(shape, batchSize);
  if (data.length !== expected)
    throw new UsageError(
      `"${name}" ${formatShape(shape)}: expected ${expected} values at batch size ${batchSize}, got ${data.length}`,
    );
  return { data, shape: shapeAt(shape, batchSize) };
}

/** The batch size that the given arrays imply; 1 where no input is symbolic. */
function batchSizeOf(inputs: readonly Signature[], arrays: Readonly<Record<string, Data>>): number {
  for (const { name, shape } of inputs) {
    const data = arrays[name];
    if (!data || !shape.some(isSymbolic)) continue;
    const batchSize = (data.length / sizeAt(shape, 1)) ** (1 / elementCount(shape).power);
    if (Number.isInteger(batchSize)) return batchSize;
    throw new UsageError(`"${name}" ${formatShape(shape)}: ${data.length} values are no whole number of examples`);
  }
  return 1;
}
