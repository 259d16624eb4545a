import { UsageError } from "../errors.ts";
import type { Draw, KernelExports } from "./kernel-exports.ts";
import type { Key } from "./philox.ts";
import {
  type AdamOptions,
  adamaxNumbers,
  adamNumbers,
  type MomentumOptions,
  momentumNumbers,
  type UpdateOptions,
} from "./updates.ts";
import { wasm } from "./wasm.generated.ts";

/**
 * The loops that run outside the graph, in WebAssembly with SIMD: random draws, the optimizer, conversions.
 *
 * Every array is a view of `memory`, made by float32(), uint32() or uint8(), or a subarray of such a view. Another
 * array, or one whose length does not fit, is a UsageError. Draws are the same to the bit on every machine; so are the
 * other results, but that adam's bias corrections take the engine's own power.
 *
 * Draws are keyed, not sequential. The number in column c of example i and sample s comes from the Philox block with
 * counter (c/4, s, i, step), so that it depends neither on the other rows of the batch nor on how samples are split
 * over calls. Draws that must differ need keys of different sites (`siteKey`) or different steps.
 */
export interface Kernels {
  /** Of fixed size from the start, never grown: ONNX Runtime holds views of it. */
  readonly memory: WebAssembly.Memory;
  /** `length` zeros in `memory`, 64-byte aligned, never given back. UsageError when the memory is full. */
  float32(length: number): Float32Array<ArrayBuffer>;
  uint32(length: number): Uint32Array<ArrayBuffer>;
  uint8(length: number): Uint8Array<ArrayBuffer>;
  /** The arrays that were made, by this or another thread, at a place of the memory. */
  float32At(place: Place): Float32Array<ArrayBuffer>;
  uint32At(place: Place): Uint32Array<ArrayBuffer>;
  uint8At(place: Place): Uint8Array<ArrayBuffer>;
  /**
   * Standard normals by Box & Muller (1958): words 0 and 1 of a block give columns 0 and 1, words 2 and 3 the next two,
   * with the radius from 32 bits (so at most 6.77) and the angle from 32 bits. In float32 with polynomials of our own;
   * the error is below 3e-7 of the pair's radius, so below 2.1e-6 at the very most.
   *
   * @param out (samples, example.length, columns)
   * @param example (rows): the index of each row's example within its data set
   * @param step integer from 0 to 2^32 - 1
   */
  normals(
    out: Float32Array,
    key: Key,
    step: number,
    example: Uint32Array,
    columns: number,
    sampleStart?: number,
    samples?: number,
  ): void;
  /** Uniform on the 2^24 multiples of 2^-24 in [0, 1): the upper 24 bits of word c mod 4. Parameters as for normals. */
  uniforms(
    out: Float32Array,
    key: Key,
    step: number,
    example: Uint32Array,
    columns: number,
    sampleStart?: number,
    samples?: number,
  ): void;
  /**
   * 1 with probability v/255 for a pixel v, else 0: Salakhutdinov & Murray (2008), drawn anew at each step.
   *
   * A pixel takes 16 bits r (column c: half c mod 2, the lower first, of word c/2 mod 4 of the block with counter
   * (c/8, 0, example, step)) and is 1 where r < 257v + [v ≥ 128]. Since 2^16/255 = 257 + 1/255, the probability
   * differs from v/255 by (v/255 - [v ≥ 128])·2^-16, at most 127/255·2^-16 < 2^-17; 0 is never 1 and 255 always.
   *
   * @param out (example.length, columns)
   * @param pixels (example.length, columns) grey levels
   */
  binarize(out: Float32Array, pixels: Uint8Array, key: Key, step: number, example: Uint32Array, columns: number): void;
  /** Grey levels v as v/255, correctly rounded. Both of one length. */
  unitInterval(out: Float32Array, pixels: Uint8Array): void;
  /**
   * One step of Adam, in place: Kingma & Ba (2015), algorithm 1, in the efficient order given after it, with
   * ε̂ = ε·√(1-β₂ᵗ), which makes the two the same. Numbers below the smallest normal float32, 1.2e-38, are slow, so that
   * first moments are rounded to multiples of 6e-33 and second ones are at least 1e-33.
   * All four arrays of one length; `first` and `second` are the moments, zeros before step 1.
   */
  adam(
    parameters: Float32Array,
    gradients: Float32Array,
    first: Float32Array,
    second: Float32Array,
    options: AdamOptions,
  ): void;
  /**
   * One step of Adamax, in place: Kingma & Ba (2015), algorithm 2, where `second` is the infinity norm u; the gradient's
   * magnitude takes ε more, so that a gradient that is always 0 divides nothing by 0.
   */
  adamax(
    parameters: Float32Array,
    gradients: Float32Array,
    first: Float32Array,
    second: Float32Array,
    options: AdamOptions,
  ): void;
  /** One step of gradient descent, in place: v ← momentum·v + g, and θ ← θ − learningRate·v. `velocity` begins as 0. */
  momentum(parameters: Float32Array, gradients: Float32Array, velocity: Float32Array, options: MomentumOptions): void;
  /** target = decay·target + (1-decay)·source: an exponential moving average. Both of one length. */
  average(target: Float32Array, source: Float32Array, decay: number): void;
  /**
   * Σx² to 2e-6 relative: squares in float32, where x below 1e-19 counts as 0. Infinite if a square, or the sum of 64,
   * is too large for a float32. NaN and infinity come through.
   */
  sumOfSquares(x: Float32Array): number;
}

/** Where an array lies in the memory of kernels. */
export interface Place {
  readonly byteOffset: number;
  readonly length: number;
}

/** Kernels on arrays that another thread made. */
export type AttachedKernels = Omit<Kernels, "float32" | "uint32" | "uint8">;

/** Bytes that a thread's kernels use for themselves. */
export const scratchBytes = 64 + 32768;

const PAGE = 65536;
const MOST_PAGES = 65536; // 4 GiB, what 32-bit pointers reach
const ALIGNMENT = 64;
/** Large arrays begin at different places of a 4 KiB page: those read side by side would evict each other. */
const LARGE = 65536;
const SKEW = 320;
/** What createKernels can be asked for at most. */
export const mostKernelBytes = Math.floor(((MOST_PAGES - 1) * PAGE) / (1 + SKEW / LARGE));

/** What kernels need for a memory that threads share (alias.node.ts). */
export interface Alias {
  /** Such a memory as a buffer that is not marked as shared, which ONNX Runtime takes. */
  bufferOf(memory: WebAssembly.Memory): ArrayBuffer;
  /** The kernels' WebAssembly module for it, in hexadecimal: which kind of memory a module takes is fixed in it. */
  readonly wasm: string;
}

/**
 * Kernels with a memory of their own, from which arrays of `bytes` bytes together can be made (each rounded up to a
 * multiple of 64). Runs in Node and in browsers, on a page or in a worker.
 * @param alias makes the memory one that other threads can be handed, for `attachKernels`
 */
export function createKernels(bytes: number, alias?: Alias): Kernels {
  const most = mostKernelBytes;
  if (!Number.isSafeInteger(bytes) || bytes < 0 || bytes > most) {
    throw new UsageError(`kernels: expected a size in bytes from 0 to ${most}, got ${bytes}`);
  }
  const skew = Math.floor(bytes / LARGE) * SKEW;
  const pages = 1 + Math.ceil((bytes + skew) / PAGE); // the first one is for the module itself
  return kernelsOn(allocate(pages, alias !== undefined), alias);
}

/**
 * Kernels on the memory that another thread has made, for its arrays: to make new ones is for that thread alone.
 * @param scratch `scratchBytes` of that memory for this thread alone
 */
export function attachKernels(memory: WebAssembly.Memory, alias: Alias, scratch: Place): AttachedKernels {
  return kernelsOn(memory, alias, scratch);
}

function kernelsOn(memory: WebAssembly.Memory, alias?: Alias, scratch?: Place): Kernels {
  const module = new WebAssembly.Module(bytesOf(alias ? alias.wasm : wasm));
  const instance = new WebAssembly.Instance(module, { env: { memory } });
  const run = instance.exports as unknown as KernelExports;
  const buffer = alias ? alias.bufferOf(memory) : (memory.buffer as ArrayBuffer);
  let next = alignUp(run.heapBase());
  if (scratch) run.useScratch(scratch.byteOffset);
  else {
    run.useScratch(next); // in the module's own page
    next += alignUp(scratchBytes);
  }

  /** Offset of `size` more bytes. */
  function take(what: string, length: number, width: number): number {
    checkInteger(`${what}: length`, length, 0, mostKernelBytes);
    const size = length * width;
    const offset = next + (size >= LARGE ? SKEW : 0);
    const left = buffer.byteLength - offset;
    if (size > left) {
      throw new UsageError(
        `kernels: memory is full: ${what}(${length}) takes ${size} bytes, ${left} of ${buffer.byteLength} are left; give createKernels a larger size`,
      );
    }
    next = alignUp(offset + size);
    return offset;
  }

  /** The array's offset within the memory; its length must be `length`. */
  function at(name: string, array: Float32Array | Uint32Array | Uint8Array, length: number): number {
    if (array.buffer !== buffer) {
      throw new UsageError(`${name}: expected an array made by these kernels, got one of another memory`);
    }
    if (array.length !== length) throw new UsageError(`${name}: expected ${length} numbers, got ${array.length}`);
    return array.byteOffset;
  }

  /** Checked pointers. */
  function update(
    name: string,
    parameters: Float32Array,
    gradients: Float32Array,
    first: Float32Array,
    second: Float32Array,
    { step }: UpdateOptions,
  ) {
    checkInteger(`${name}: step`, step, 1, Number.MAX_SAFE_INTEGER);
    const { length } = parameters;
    return {
      p: at(`${name}: parameters`, parameters, length),
      g: at(`${name}: gradients`, gradients, length),
      m: at(`${name}: first`, first, length),
      v: at(`${name}: second`, second, length),
    };
  }

  function draw(kernel: Draw, name: string): Kernels["normals"] {
    return (out, key, step, example, columns, sampleStart = 0, samples = 1) => {
      checkDraw(name, step, columns);
      checkInteger(`${name}: sampleStart`, sampleStart, 0, 2 ** 32 - 1);
      checkInteger(`${name}: samples`, samples, 1, 2 ** 32 - sampleStart);
      const rows = example.length;
      const target = at(`${name}: out`, out, samples * rows * columns);
      const examples = at(`${name}: example`, example, rows);
      kernel(target, key[0], key[1], step, examples, rows, columns, sampleStart, samples);
    };
  }

  return {
    memory,
    float32: (length) => new Float32Array(buffer, take("float32", length, 4), length),
    uint32: (length) => new Uint32Array(buffer, take("uint32", length, 4), length),
    uint8: (length) => new Uint8Array(buffer, take("uint8", length, 1), length),
    float32At: ({ byteOffset, length }) => new Float32Array(buffer, byteOffset, length),
    uint32At: ({ byteOffset, length }) => new Uint32Array(buffer, byteOffset, length),
    uint8At: ({ byteOffset, length }) => new Uint8Array(buffer, byteOffset, length),
    normals: draw(run.normals, "normals"),
    uniforms: draw(run.uniforms, "uniforms"),
    binarize(out, pixels, key, step, example, columns) {
      checkDraw("binarize", step, columns);
      const rows = example.length;
      const target = at("binarize: out", out, rows * columns);
      const source = at("binarize: pixels", pixels, rows * columns);
      run.binarize(target, source, key[0], key[1], step, at("binarize: example", example, rows), rows, columns);
    },
    unitInterval(out, pixels) {
      const source = at("unitInterval: pixels", pixels, pixels.length);
      run.unitInterval(at("unitInterval: out", out, pixels.length), source, pixels.length);
    },
    adam(parameters, gradients, first, second, options) {
      const { scale, decay, rate, weight1, weight2, epsilon } = adamNumbers(options);
      const { p, g, m, v } = update("adam", parameters, gradients, first, second, options);
      run.adam(p, g, m, v, parameters.length, scale, decay, rate, weight1, weight2, epsilon);
    },
    adamax(parameters, gradients, first, second, options) {
      const { scale, decay, rate, weight1, beta2, epsilon } = adamaxNumbers(options);
      const { p, g, m, v } = update("adamax", parameters, gradients, first, second, options);
      run.adamax(p, g, m, v, parameters.length, scale, decay, rate, weight1, beta2, epsilon);
    },
    momentum(parameters, gradients, velocity, options) {
      const { scale, decay, rate, momentum, velocityWeight, gradientWeight } = momentumNumbers(options);
      const { p, g, m } = update("momentum", parameters, gradients, velocity, velocity, options);
      run.momentum(p, g, m, parameters.length, scale, decay, rate, momentum, velocityWeight, gradientWeight);
    },
    average(target, source, decay) {
      const to = at("average: target", target, target.length);
      run.average(to, at("average: source", source, target.length), target.length, 1 - decay);
    },
    sumOfSquares: (x) => run.sumOfSquares(at("sumOfSquares: x", x, x.length), x.length),
  };
}

function allocate(pages: number, shared: boolean): WebAssembly.Memory {
  try {
    return new WebAssembly.Memory({ initial: pages, maximum: pages, shared });
  } catch (error) {
    throw new UsageError(`kernels: this machine does not give ${pages * PAGE} bytes of memory; ask for less`, {
      cause: error,
    });
  }
}

function bytesOf(hexadecimal: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(hexadecimal.match(/../g)!, (byte) => Number.parseInt(byte, 16));
}

function alignUp(offset: number): number {
  return Math.ceil(offset / ALIGNMENT) * ALIGNMENT;
}

function checkDraw(name: string, step: number, columns: number): void {
  checkInteger(`${name}: step`, step, 0, 2 ** 32 - 1);
  checkInteger(`${name}: columns`, columns, 1, 2 ** 30);
}

function checkInteger(name: string, value: number, least: number, most: number): void {
  if (!Number.isSafeInteger(value) || value < least || value > most) {
    throw new UsageError(`${name}: expected an integer from ${least} to ${most}, got ${value}`);
  }
}
