import { isPlain, show } from "./show.ts";

/** What is wrong at a place of a config, such as "model.latent". */
export interface Defect {
  readonly path: string;
  readonly problem: string;
}

const RESERVED = ["__proto__", "constructor", "prototype"];
/** What is said of a reserved key. */
export const notAKey = "not allowed as a key";
const deepest = 32;

export function isReserved(key: string): boolean {
  return RESERVED.includes(key);
}

/**
 * What of a config is no plain data, and would be lost or changed where the config is copied or written to a file:
 * functions, objects of a class, numbers that JSON has no word for, an object within itself. Keys that could reach an
 * object's prototype are refused wherever they stand.
 */
export function notPlain(value: unknown, path = "", above: readonly object[] = []): Defect[] {
  const problem = problemOf(value, above);
  if (problem !== undefined) return [{ path, problem }];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    const place = path === "" ? key : `${path}.${key}`;
    return isReserved(key) ? [{ path: place, problem: notAKey }] : notPlain(inner, place, [...above, value]);
  });
}

function problemOf(value: unknown, above: readonly object[]): string | undefined {
  if (["function", "symbol", "bigint"].includes(typeof value)) return `expected plain data, got ${show(value)}`;
  if (typeof value === "number" && !Number.isFinite(value)) return `expected a finite number, got ${value}`;
  if (typeof value !== "object" || value === null) return undefined;
  if (!isPlain(value)) return `expected a plain object, got ${show(value)}`;
  if (above.includes(value)) return "an object cannot be within itself";
  return above.length >= deepest ? `nested more than ${deepest} levels deep` : undefined;
}

/** `model.latent: expected a positive integer, got 0` */
export function lineOf({ path, problem }: Defect): string {
  return path === "" ? problem : `${path}: ${problem}`;
}
