import type { Lowered } from "../graph/lower.ts";

export type Data = Float32Array | Float64Array | BigInt64Array | Uint8Array;

/** Numbers with their shape; `data` may be a view of the kernels' memory. */
export interface Value {
  readonly data: Data;
  readonly shape: readonly number[];
}

/** An ONNX model, as a backend takes it. */
export type Model = Pick<Lowered, "bytes" | "precision">;

export interface CompileOptions {
  /** Threads that one operator may use. Default: the backend's. */
  readonly threads?: number;
}

/** Where programs run: ONNX Runtime's CPU provider in Node, its WASM or WebGPU build in a browser. */
export interface Backend {
  readonly device: string;
  readonly threads: number;
  /** "onnxruntime-node 1.30.0", for the record of a run. */
  readonly engine: string;
  compile(model: Model, options?: CompileOptions): Promise<Executable>;
}

/** A compiled graph. */
export interface Executable {
  /** Runs with new outputs. */
  run(feeds: Readonly<Record<string, Value>>): Promise<Readonly<Record<string, Value>>>;
  /**
   * Ties inputs and outputs to arrays once; each call of the result reads and writes them in place, and allocates
   * nothing. An output larger than the result would be an error in ONNX Runtime, so shapes must be exact.
   */
  bind(feeds: Readonly<Record<string, Value>>, fetches: Readonly<Record<string, Value>>): () => Promise<void>;
  release(): Promise<void>;
}
