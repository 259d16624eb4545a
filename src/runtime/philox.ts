import { UsageError } from "../errors.ts";

/** The key of a Philox generator: two 32-bit words. */
export type Key = readonly [number, number];

type Block = readonly [number, number, number, number];

// Multipliers and key increments of Philox 4×32 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3").
const MULTIPLIER_0 = 0xd2511f53;
const MULTIPLIER_1 = 0xcd9e8d57;
const INCREMENT_0 = 0x9e3779b9;
const INCREMENT_1 = 0xbb67ae85;
const ROUNDS = 10;

/**
 * Philox 4×32-10 (Salmon et al. 2011): four random 32-bit words from a counter of four and a key of two.
 * This is the plain reference; the kernels compute the same words, four blocks at a time.
 */
export function philox4x32(counter: Block, key: Key): Block {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < ROUNDS; round++) {
    const high0 = multiplyHigh(MULTIPLIER_0, c0);
    const low0 = Math.imul(MULTIPLIER_0, c0);
    const high1 = multiplyHigh(MULTIPLIER_1, c2);
    const low1 = Math.imul(MULTIPLIER_1, c2);
    [c0, c1, c2, c3] = [(high1 ^ c1 ^ k0) >>> 0, low1 >>> 0, (high0 ^ c3 ^ k1) >>> 0, low0 >>> 0];
    k0 = (k0 + INCREMENT_0) >>> 0;
    k1 = (k1 + INCREMENT_1) >>> 0;
  }
  return [c0, c1, c2, c3];
}

/**
 * The key of one place where a program draws: `site` names it (e.g. "posterior"), so that no two places share numbers.
 * The name's 64-bit FNV-1a hash (over its UTF-8 bytes) and the seed are mixed by Philox itself.
 *
 * @param seed integer from 0 to 2^53 - 1; anything else is a UsageError.
 */
export function siteKey(seed: number, site: string): Key {
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new UsageError(`seed: expected an integer from 0 to ${Number.MAX_SAFE_INTEGER}, got ${seed}`);
  }
  let hash = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(site)) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  }
  const counter: Block = [seed >>> 0, Math.floor(seed / 2 ** 32), Number(hash & 0xffffffffn), Number(hash >> 32n)];
  const [k0, k1] = philox4x32(counter, [0, 0]);
  return [k0, k1];
}

/** The upper 32 bits of the product of two unsigned 32-bit integers, by 16-bit halves: each step is exact in a double. */
function multiplyHigh(a: number, b: number): number {
  const aHigh = a >>> 16;
  const aLow = a & 0xffff;
  const bHigh = b >>> 16;
  const bLow = b & 0xffff;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const carry = aLow * bHigh + (middle & 0xffff);
  return (aHigh * bHigh + (middle >>> 16) + (carry >>> 16)) >>> 0;
}
