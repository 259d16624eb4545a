import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createKernels } from "./kernels.ts";
import { type Key, philox4x32, siteKey } from "./philox.ts";

interface Draw {
  readonly key: Key;
  readonly step: number;
  readonly example: readonly number[];
  readonly columns: number;
  readonly sampleStart: number;
  readonly samples: number;
}

const word = fc.integer({ min: 0, max: 0xffffffff });
const anyDraw: fc.Arbitrary<Draw> = fc.record({
  key: fc.tuple(word, word),
  step: word,
  example: fc.array(word, { minLength: 1, maxLength: 5 }),
  columns: fc.integer({ min: 1, max: 70 }),
  sampleStart: fc.integer({ min: 0, max: 0xffffffff - 4 }),
  samples: fc.integer({ min: 1, max: 4 }),
});

/** The word that column c of a row is made from. */
function wordAt(draw: Draw, sample: number, example: number, column: number): number {
  const counter = [Math.floor(column / 4), sample, example, draw.step] as const;
  return philox4x32(counter, draw.key)[column % 4] as number;
}

/** One number for each (sample, row, column), in that order. */
function each(draw: Draw, value: (sample: number, example: number, column: number) => number): number[] {
  const numbers: number[] = [];
  for (let s = 0; s < draw.samples; s++) {
    for (const example of draw.example) {
      for (let c = 0; c < draw.columns; c++) numbers.push(value(draw.sampleStart + s, example, c));
    }
  }
  return numbers;
}

/** The kernel's numbers, with a check that those beside them were left alone. */
function run(kind: "normals" | "uniforms", draw: Draw): Float32Array {
  const kernels = createKernels(4_000_000);
  const example = kernels.uint32(draw.example.length);
  example.set(draw.example);
  const room = kernels.float32(draw.samples * example.length * draw.columns + 2).fill(9);
  const out = room.subarray(1, -1);
  kernels[kind](out, draw.key, draw.step, example, draw.columns, draw.sampleStart, draw.samples);
  expect([room[0], room.at(-1)]).toEqual([9, 9]);
  return out;
}

/** Box & Muller in float64 from the same words: the number, and the radius that its error is measured by. */
function exactNormal(draw: Draw, sample: number, example: number, column: number): { value: number; radius: number } {
  const first = wordAt(draw, sample, example, column - (column % 2));
  const second = wordAt(draw, sample, example, column - (column % 2) + 1);
  const radius = Math.sqrt(-2 * Math.log1p((first + 0.5 - 2 ** 32) / 2 ** 32));
  const angle = (2 * Math.PI * second) / 2 ** 32;
  return { value: radius * (column % 2 === 0 ? Math.cos(angle) : Math.sin(angle)), radius };
}

test("uniforms are the upper 24 bits of the reference's words, for any shape", () => {
  fc.assert(
    fc.property(anyDraw, (draw) => {
      const expected = each(draw, (s, e, c) => (wordAt(draw, s, e, c) >>> 8) / 2 ** 24);
      expect([...run("uniforms", draw)]).toEqual(expected);
    }),
  );
});

test("normals are Box & Muller of the reference's words to 3e-7 of the radius, for any shape", () => {
  fc.assert(
    fc.property(anyDraw, (draw) => {
      const values: number[] = [];
      const bounds = each(draw, (sample, example, column) => {
        const { value, radius } = exactNormal(draw, sample, example, column);
        values.push(value);
        return 3e-7 * radius;
      });
      const errors = [...run("normals", draw)].map((z, i) => Math.abs(z - (values[i] as number)));
      expect(errors.length).toBe(bounds.length);
      expect(errors.every((error, i) => error <= (bounds[i] as number))).toBe(true);
    }),
  );
});

test("a row's numbers depend neither on the batch nor on how the samples are split", () => {
  for (const kind of ["normals", "uniforms"] as const) {
    const draw: Draw = {
      key: siteKey(3, kind),
      step: 7,
      example: [5, 0, 9, 5],
      columns: 21,
      sampleStart: 0,
      samples: 4,
    };
    const all = run(kind, draw);
    const rows = draw.example.length;
    draw.example.forEach((example, row) => {
      for (let s = 0; s < draw.samples; s++) {
        const alone = run(kind, { ...draw, example: [example], sampleStart: s, samples: 1 });
        const start = (s * rows + row) * draw.columns;
        expect(alone).toEqual(all.slice(start, start + draw.columns));
      }
    });
  }
});

test("key, step, example and sample each change every number", () => {
  const draw: Draw = { key: [1, 2], step: 3, example: [4], columns: 40, sampleStart: 5, samples: 1 };
  const base = run("normals", draw);
  const others: Partial<Draw>[] = [{ key: [2, 2] }, { key: [1, 3] }, { step: 4 }, { example: [5] }, { sampleStart: 6 }];
  for (const other of others) {
    const out = run("normals", { ...draw, ...other });
    expect(out.some((value, i) => value === base[i])).toBe(false);
  }
});

describe("a million normals", () => {
  const draw: Draw = {
    key: siteKey(11, "a million"),
    step: 0,
    example: Array.from({ length: 1000 }, (_, i) => i),
    columns: 1000,
    sampleStart: 0,
    samples: 1,
  };
  let cached: Float32Array | undefined;
  const numbers = () => {
    cached ??= run("normals", draw);
    return cached;
  };
  const n = 1_000_000;
  const mean = (f: (z: number) => number) => numbers().reduce((sum, z) => sum + f(z), 0) / n;

  test("have the moments of the standard normal, each within 5 of its standard errors", () => {
    const moments = [0, 1, 0, 3, 0, 15]; // E z^k
    const evenMoments = [1, 3, 15, 105, 945, 10395]; // E z^2k
    moments.forEach((expected, i) => {
      const standardError = Math.sqrt(((evenMoments[i] as number) - expected ** 2) / n);
      expect(Math.abs(mean((z) => z ** (i + 1)) - expected)).toBeLessThan(5 * standardError);
    });
  });

  test("follow its law: Kolmogorov and Smirnov's distance is below 1.95/√n (level 0.001)", () => {
    const sorted = numbers().slice().sort();
    let distance = 0;
    sorted.forEach((z, i) => {
      const p = normalCdf(z);
      distance = Math.max(distance, p - i / n, (i + 1) / n - p);
    });
    expect(distance).toBeLessThan(1.95 / Math.sqrt(n));
  });

  test("are not correlated between neighbouring columns or rows", () => {
    const z = numbers();
    for (const lag of [1, 2, 4, 16, 1000]) {
      let sum = 0;
      for (let i = 0; i + lag < n; i++) sum += (z[i] as number) * (z[i + lag] as number);
      expect(Math.abs(sum / n)).toBeLessThan(5 / Math.sqrt(n));
    }
  });

  test("reach beyond 4 and 4.5 as often as they should, on both sides", () => {
    for (const [bound, tail] of [
      [3, 1.349898e-3],
      [4, 3.167124e-5],
      [4.5, 3.397673e-6],
    ] as const) {
      for (const sign of [-1, 1]) {
        const count = numbers().filter((z) => sign * z > bound).length;
        expect(Math.abs(count - n * tail)).toBeLessThan(4 * Math.sqrt(n * tail) + 1);
      }
    }
  });
});

test("uniforms fill [0, 1) evenly: chi-square over 64 bins within 5 standard deviations", () => {
  const example = Array.from({ length: 500 }, (_, i) => i);
  const out = run("uniforms", { key: siteKey(1, "bins"), step: 2, example, columns: 500, sampleStart: 0, samples: 1 });
  const bins = new Float64Array(64);
  for (const u of out) bins[Math.floor(u * 64)] = (bins[Math.floor(u * 64)] as number) + 1;
  const expected = out.length / 64;
  const chiSquare = bins.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  expect(Math.abs(chiSquare - 63)).toBeLessThan(5 * Math.sqrt(2 * 63));
  expect(Math.max(...out.slice(0, 100_000))).toBeLessThan(1);
});

function binarize(pixels: ArrayLike<number>, key: Key, step: number, example: readonly number[]): Float32Array {
  const kernels = createKernels(8_000_000);
  const [source, index] = [kernels.uint8(pixels.length), kernels.uint32(example.length)];
  source.set(pixels);
  index.set(example);
  const room = kernels.float32(pixels.length + 2).fill(9);
  kernels.binarize(room.subarray(1, -1), source, key, step, index, pixels.length / example.length);
  expect([room[0], room.at(-1)]).toEqual([9, 9]);
  return room.subarray(1, -1);
}

/** The 16 bits of a pixel, from the reference's words. */
function bitsAt(key: Key, step: number, example: number, column: number): number {
  const pair = philox4x32([column >>> 3, 0, example, step], key)[(column >>> 1) % 4] as number;
  return (pair >>> (16 * (column % 2))) & 0xffff;
}

function threshold(v: number): number {
  return v * 257 + (v >> 7);
}

test("binarize compares 16 bits of the reference's words with the threshold, for any shape", () => {
  const anyPixels = fc.uint8Array({ minLength: 280, maxLength: 280 });
  fc.assert(
    fc.property(anyDraw, anyPixels, ({ key, step, example, columns }, levels) => {
      const pixels = example.flatMap((_, row) => [...levels.subarray(row * 5, row * 5 + columns)]);
      const expected = pixels.map((v, i) => {
        const random = bitsAt(key, step, example[Math.floor(i / columns)] as number, i % columns);
        return random < threshold(v) ? 1 : 0;
      });
      expect([...binarize(pixels, key, step, example)]).toEqual(expected);
    }),
  );
});

// Rows of 31 are never a whole group, rows of 32 always are.
test.each([31, 32])("binarize is right where the 16 bits meet the threshold (rows of %i)", (columns) => {
  const key = siteKey(8, "edges");
  const example = Array.from({ length: 4000 }, (_, i) => i);
  const bits = example.flatMap((row) => Array.from({ length: columns }, (_, column) => bitsAt(key, 0, row, column)));
  const pixels = bits.map((random) => Math.round(random / 257));
  const out = binarize(pixels, key, 0, example);
  const edges = bits.map((random, i) => random - threshold(pixels[i] as number));
  expect(edges.filter((edge) => edge === 0 || edge === -1).length).toBeGreaterThan(400);
  expect([...out]).toEqual(edges.map((edge) => (edge < 0 ? 1 : 0)));
});

test("a grey level v is 1 with probability v/255, within 5 standard errors for each; 0 never, 255 always", () => {
  const rows = 4096;
  const pixels = Uint8Array.from({ length: rows * 256 }, (_, i) => i % 256);
  const out = binarize(
    pixels,
    siteKey(5, "levels"),
    1,
    Array.from({ length: rows }, (_, i) => i),
  );
  for (let v = 0; v < 256; v++) {
    let ones = 0;
    for (let row = 0; row < rows; row++) ones += out[row * 256 + v] as number;
    const p = v / 255;
    expect(Math.abs(ones / rows - p)).toBeLessThanOrEqual(5 * Math.sqrt((p * (1 - p)) / rows));
  }
});

test("the thresholds differ from v/255 by less than 2^-17, and lie at 0 and 2^16 for black and white", () => {
  for (let v = 0; v < 256; v++) expect(Math.abs(threshold(v) / 65536 - v / 255)).toBeLessThan(2 ** -17);
  expect([threshold(0), threshold(255)]).toEqual([0, 65536]);
});

/** Φ(z), by the series of Marsaglia (2004), "Evaluating the normal distribution". */
function normalCdf(z: number): number {
  let [sum, term, previous] = [z, z, Number.NaN];
  for (let k = 3; sum !== previous && k < 400; k += 2) {
    previous = sum;
    term *= (z * z) / k;
    sum += term;
  }
  return 0.5 + sum * Math.exp(-0.5 * z * z - 0.5 * Math.log(2 * Math.PI));
}
