import fc from "fast-check";
import { expect, test } from "vitest";
import { UsageError } from "../errors.ts";
import { philox4x32, siteKey } from "./philox.ts";

test("Philox gives Random123's published words (kat_vectors, philox4x32 10)", () => {
  expect(philox4x32([0, 0, 0, 0], [0, 0])).toEqual([0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
  const ones = 0xffffffff;
  expect(philox4x32([ones, ones, ones, ones], [ones, ones])).toEqual([0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]);
  expect(philox4x32([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0])).toEqual([
    0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1,
  ]);
});

test("a key is the first two words of Philox of the seed and the name's 64-bit FNV-1a hash", () => {
  // Published FNV-1a hashes: of the empty string cbf29ce484222325, of "foobar" 85944171f73967e8.
  const empty = philox4x32([7, 0, 0x84222325, 0xcbf29ce4], [0, 0]);
  expect(siteKey(7, "")).toEqual(empty.slice(0, 2));
  const large = philox4x32([5, 3, 0xf73967e8, 0x85944171], [0, 0]);
  expect(siteKey(3 * 2 ** 32 + 5, "foobar")).toEqual(large.slice(0, 2));
  // Of the UTF-8 bytes of "Größe", computed elsewhere.
  const umlaut = philox4x32([1, 0, 0x579d537a, 0x86945265], [0, 0]);
  expect(siteKey(1, "Größe")).toEqual(umlaut.slice(0, 2));
});

test("seeds and names make different keys, also in the upper bits of a seed and outside ASCII", () => {
  const seeds = [0, 1, 2 ** 32, 2 ** 32 + 1, 2 ** 53 - 1];
  const sites = ["", "a", "b", "ab", "ba", "posterior", "Stichprobe ü", "Stichprobe u"];
  const keys = seeds.flatMap((seed) => sites.map((site) => siteKey(seed, site).join()));
  expect(new Set(keys).size).toBe(seeds.length * sites.length);
});

test("any seed that is not an integer from 0 to 2^53 - 1 is refused with its value", () => {
  for (const seed of [-1, 0.5, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY]) {
    expect(() => siteKey(seed, "x")).toThrow(UsageError);
    expect(() => siteKey(seed, "x")).toThrow(`seed: expected an integer from 0 to 9007199254740991, got ${seed}`);
  }
  fc.assert(fc.property(fc.maxSafeNat(), fc.string(), (seed, site) => siteKey(seed, site).every(isWord)));
});

function isWord(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value < 2 ** 32;
}
