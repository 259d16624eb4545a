/** Room for one group of 16 numbers, where the last group of a row or an array is not full. */
export let scratch: usize = memory.data(64, 16);

/** Threads that share the memory need room of their own: 64 bytes. */
export function useScratch(at: usize): void {
  scratch = at;
}
