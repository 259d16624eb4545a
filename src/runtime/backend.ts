import type { Lowered } from "../graph/lower.ts";

export type Data = Float32Array | Float64Array | BigInt64Array | Uint8Array;

/** Numbers with their shape; `data` may be a view of the kernels' memory. */
export interface Value {
  readonly data: Data;
  readonly shape: readonly number[];
}

/** Numbers in the memory of a device, where other runs of the same backend can be fed with them. */
export interface DeviceArray {
  readonly shape: readonly number[];
  /** What the backend knows it by. */
  readonly handle: unknown;
  /** Gives its memory back: it cannot be fed any more. */
  release(): void;
}

/** An ONNX model, as a backend takes it. */
export type Model = Pick<Lowered, "bytes" | "precision">;

export interface CompileOptions {
  /** Threads that one operator may use. Default: the backend's. */
  readonly threads?: number;
  /** Outputs that stay on the device, by name: for `runKeeping`. */
  readonly keep?: readonly string[];
}

/** Where programs run: ONNX Runtime's CPU or WebGPU provider in Node, its WASM or WebGPU build in a browser. */
export interface Backend {
  readonly device: string;
  readonly threads: number;
  /** "onnxruntime-node 1.30.0", for the record of a run. */
  readonly engine: string;
  /** Whether its device has memory of its own, from which to fetch results and bring them back takes time. */
  readonly resident?: boolean;
  compile(model: Model, options?: CompileOptions): Promise<Executable>;
  /** Operators that run on the processor for want of one on the device, and how often each; where that can be told. */
  fallbacks?(model: Model, feeds: Readonly<Record<string, Value>>): Promise<Readonly<Record<string, number>>>;
}

/** The outputs of a run: those on the device, and the others. */
export interface Kept {
  readonly values: Readonly<Record<string, Value>>;
  readonly kept: Readonly<Record<string, DeviceArray>>;
}

/** A compiled graph. */
export interface Executable {
  /** Runs with new outputs. */
  run(feeds: Readonly<Record<string, Value>>): Promise<Readonly<Record<string, Value>>>;
  /** Runs with what is on the device or is not; the outputs that were named to be kept stay there, for the caller to release. */
  runKeeping(feeds: Readonly<Record<string, Value | DeviceArray>>): Promise<Kept>;
  /**
   * Ties inputs and outputs to arrays once; each call of the result reads and writes them in place, and allocates
   * nothing. An output larger than the result would be an error in ONNX Runtime, so shapes must be exact.
   */
  bind(feeds: Readonly<Record<string, Value>>, fetches: Readonly<Record<string, Value>>): () => Promise<void>;
  release(): Promise<void>;
}
