/** Room for one group of 16 numbers, where the last group of a row or an array is not full. */
export const scratch: usize = memory.data(64, 16);
