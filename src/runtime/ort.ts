import type * as Ort from "onnxruntime-common";
import { RunError } from "../errors.ts";
import type { Backend, CompileOptions, Data, DeviceArray, Executable, Model, Value } from "./backend.ts";

type OrtModule = Pick<typeof Ort, "InferenceSession" | "Tensor">;

interface OrtOptions {
  readonly device: string;
  readonly engine: string;
  readonly threads: number;
  readonly sessionOptions: Ort.InferenceSession.SessionOptions;
  /** Where the package copies outputs that were given arrays to go to: how it is kept from that. */
  readonly stopBeforeCopies?: StopBeforeCopies;
  /** The package leaves the arrays given for outputs as they are (onnxruntime-web does): they are written here. */
  readonly copiesOutputs?: boolean;
  /** Outputs may stay in the memory of a graphics card. */
  readonly resident?: boolean;
}

/** An output that the package cannot convert, and so ends every run at, after the computation and before any copy. */
export interface StopBeforeCopies {
  readonly output: string;
  /** The beginning of a model that has the output. */
  readonly modelPrefix: Uint8Array;
  /** The message of the error that ends the run. */
  readonly message: string;
}

const typeOf = (data: Data): Ort.Tensor.Type =>
  data instanceof Float32Array
    ? "float32"
    : data instanceof Float64Array
      ? "float64"
      : data instanceof BigInt64Array
        ? "int64"
        : "bool";

/** A backend over one of ONNX Runtime's JavaScript packages, which share one interface. */
export function ortBackend(ort: OrtModule, options: OrtOptions): Backend {
  const tensor = ({ data, shape }: Value): Ort.Tensor => new ort.Tensor(typeOf(data), data as never, shape);
  const tensors = (values: Readonly<Record<string, Value>>): Record<string, Ort.Tensor> =>
    Object.fromEntries(Object.entries(values).map(([name, value]) => [name, tensor(value)]));
  const { device, engine, threads: allThreads, resident = false } = options;

  const compile = async (
    { bytes, precision }: Model,
    { threads = allThreads, keep = [] }: CompileOptions = {},
  ): Promise<Executable> => {
    const sessionOptions: Ort.InferenceSession.SessionOptions = {
      ...options.sessionOptions,
      intraOpNumThreads: threads,
      // Its extended optimizations fuse into operators that have no float64 kernels, such as QuickGelu.
      ...(precision === "float64" ? { graphOptimizationLevel: "basic" } : {}),
      ...(resident && keep.length > 0
        ? { preferredOutputLocation: Object.fromEntries(keep.map((name) => [name, "gpu-buffer"])) }
        : {}),
    };
    let session: Ort.InferenceSession;
    const stop = options.stopBeforeCopies;
    try {
      const model = stop ? concatenated(stop.modelPrefix, bytes) : bytes;
      session = await ort.InferenceSession.create(model, sessionOptions);
    } catch (error) {
      throw new RunError(`ONNX Runtime refused the graph: ${(error as Error).message}`, { cause: error });
    }
    const names = session.outputNames.filter((name) => name !== stop?.output);
    return {
      async run(feeds) {
        return valuesOf(Object.entries(await session.run(tensors(feeds), names)));
      },
      async runKeeping(feeds) {
        const inputs = Object.entries(feeds).map(([name, value]) => [
          name,
          "data" in value ? tensor(value) : (value.handle as Ort.Tensor),
        ]);
        const results = Object.entries(await session.run(Object.fromEntries(inputs), names));
        const kept = results.filter(([name]) => keep.includes(name));
        return {
          values: valuesOf(results.filter(([name]) => !keep.includes(name))),
          kept: Object.fromEntries(kept.map(([name, result]) => [name, arrayOf(result)])),
        };
      },
      bind(feeds, fetches) {
        const inputs = tensors(feeds);
        if (options.copiesOutputs) return copying(session, inputs, fetches);
        const outputs = tensors(fetches);
        if (!stop)
          return async () => {
            await session.run(inputs, outputs);
          };
        const stopped = { ...outputs, [stop.output]: null };
        return async () => {
          try {
            await session.run(inputs, stopped);
          } catch (error) {
            if ((error as Error).message !== stop.message) throw error;
          }
        };
      },
      release: () => session.release(),
    };
  };
  return { device, engine, threads: allThreads, resident, compile };
}

const valuesOf = (results: readonly (readonly [string, Ort.Tensor])[]): Readonly<Record<string, Value>> =>
  Object.fromEntries(results.map(([name, { data, dims }]) => [name, { data: data as Data, shape: dims }]));

const arrayOf = (tensor: Ort.Tensor): DeviceArray => ({
  shape: tensor.dims,
  handle: tensor,
  release: () => tensor.dispose(),
});

/** Runs, and copies what comes out to where it is wanted. */
function copying(
  session: Ort.InferenceSession,
  inputs: Readonly<Record<string, Ort.Tensor>>,
  fetches: Readonly<Record<string, Value>>,
): () => Promise<void> {
  const wanted = Object.entries(fetches);
  const names = Object.keys(fetches);
  return async () => {
    const results = await session.run(inputs, names);
    for (const [name, { data }] of wanted) (data as Float32Array).set(results[name]!.data as Float32Array);
  };
}

/** One after the other. */
export function concatenated(a: Uint8Array, b: Uint8Array): Uint8Array {
  const result = new Uint8Array(a.length + b.length);
  result.set(a);
  result.set(b, a.length);
  return result;
}
