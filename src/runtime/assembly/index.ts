// AssemblyScript (not TypeScript): compiled by scripts/build-kernels.mjs to WebAssembly with 128-bit SIMD.
// Only operators whose result WebAssembly fixes to the bit are used (no relaxed SIMD, no engine functions), so that
// every machine computes the same numbers. Pointers are byte offsets into the imported memory; src/runtime/kernels.ts
// checks them and is the only caller.

export { binarize, normals, uniforms, unitInterval } from "./draws";
export { adam, adamax, average, momentum, sumOfSquares } from "./optimizers";
export { useScratch } from "./scratch";

/** The first byte that the caller may use. */
export function heapBase(): usize {
  return __heap_base;
}
