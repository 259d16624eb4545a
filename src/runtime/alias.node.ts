import type { Alias } from "./kernels.ts";
import { wasm } from "./wasm-shared.generated.ts";

let loading: Promise<Alias | undefined> | undefined;

/**
 * Shared memory for ONNX Runtime. onnxruntime-node refuses a SharedArrayBuffer, though it computes on shared memory as on
 * any other: koffi gives the same bytes as an ArrayBuffer. Undefined where koffi, which is optional, is not there or this
 * Node allows no buffers of memory that is not its own.
 */
export function sharedAlias(): Promise<Alias | undefined> {
  loading ??= load();
  return loading;
}

async function load(): Promise<Alias | undefined> {
  let koffi: typeof import("koffi").default;
  try {
    koffi = (await import("koffi")).default;
  } catch {
    return undefined;
  }
  const bufferOf: Alias["bufferOf"] = (memory) => {
    const bytes = new Uint8Array(memory.buffer);
    const buffer = koffi.view(koffi.address(bytes), bytes.length);
    kept.set(buffer, memory);
    return buffer;
  };
  return works(bufferOf) ? { bufferOf, wasm } : undefined;
}

/** The memory lives as long as what aliases it. */
const kept = new WeakMap<ArrayBuffer, WebAssembly.Memory>();

function works(bufferOf: Alias["bufferOf"]): boolean {
  try {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
    const numbers = new Float32Array(bufferOf(memory), 64, 1);
    numbers[0] = 1;
    return new Float32Array(memory.buffer, 64, 1)[0] === 1;
  } catch {
    return false;
  }
}
