/** Bytes of new parameters that are made before they are put in their place. */
export const STAGED: usize = 32768;

/**
 * Room for what a kernel makes meanwhile: one group of 16 numbers, where the last group of a row or an array is not full,
 * and then STAGED bytes. src/runtime/kernels.ts knows the sum.
 */
export let scratch: usize = memory.data(64 + 32768, 64);

/** Threads that share the memory need room of their own. */
export function useScratch(at: usize): void {
  scratch = at;
}
