/** Bytes of new parameters that are made before they are put in their place. */
export const STAGED: usize = 32768;

/**
 * Room for what a kernel makes meanwhile: one group of 16 numbers, where the last group of a row or an array is not full,
 * and then STAGED bytes. src/runtime/kernels.ts knows the sum, and gives each thread its own.
 */
export let scratch: usize = 0;

export function useScratch(at: usize): void {
  scratch = at;
}
