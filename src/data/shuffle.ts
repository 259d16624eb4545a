import { UsageError } from "../errors.ts";

/**
 * The numbers 0 to count - 1 in an order that depends on the seed alone: Fisher-Yates (Knuth's algorithm P) over
 * xoshiro128** (Blackman & Vigna 2018), the same on every machine. seed: a whole number from 0 to 2^53 - 1.
 */
export function permutation(count: number, seed: number): Uint32Array {
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new UsageError(`seed: expected a whole number from 0 to ${Number.MAX_SAFE_INTEGER}, got ${seed}`);
  }
  const next = xoshiro128(seedState(seed));
  const order = new Uint32Array(count);
  for (let i = 0; i < count; i++) order[i] = i;
  for (let last = count - 1; last > 0; last--) {
    const chosen = below(last + 1, next);
    const value = order[last]!;
    order[last] = order[chosen]!;
    order[chosen] = value;
  }
  return order;
}

type State = readonly [number, number, number, number];

/** xoshiro128** 1.1: 32 random bits a call. */
export function xoshiro128(state: State): () => number {
  let [a, b, c, d] = state;
  return () => {
    const result = Math.imul(rotl(Math.imul(b, 5), 7), 9) >>> 0;
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = rotl(d, 11);
    return result;
  };
}

/** A whole number from 0 to limit - 1, each as likely: draws that would favour the small ones are thrown away. */
function below(limit: number, next: () => number): number {
  const fair = 2 ** 32 - (2 ** 32 % limit);
  for (;;) {
    const bits = next();
    if (bits < fair) return bits % limit;
  }
}

/** Four words from both halves of the seed, mixed by MurmurHash3's finalizer, so that near seeds share nothing. */
function seedState(seed: number): State {
  const [low, high] = [seed >>> 0, Math.floor(seed / 2 ** 32)];
  const word = (i: number): number => mix(mix(low + Math.imul(i, 0x9e3779b9)) ^ high);
  return [word(1), word(2), word(3), word(4)];
}

function mix(bits: number): number {
  let h = bits | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

function rotl(bits: number, by: number): number {
  return (bits << by) | (bits >>> (32 - by));
}
