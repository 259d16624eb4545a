import { expect, test } from "vitest";
import { meanAndError } from "../../src/evaluate/figures.ts";
import { neighbourhoods, type Points } from "../../src/evaluate/neighbours.ts";
import { sampleQuality } from "../../src/evaluate/sample-quality.ts";
import type { Backend } from "../../src/runtime/backend.ts";
import { createKernels } from "../../src/runtime/kernels.ts";
import { cpuBackend } from "../../src/runtime/ort.node.ts";
import { siteKey } from "../../src/runtime/philox.ts";
import { type Covered, coverageOf, coverageRatios, type Hits, hitsOf } from "./quality-bootstrap.ts";

const COUNT = 80;
const WIDTH = 4;

/** Normal points, closer together the smaller `scale` is. */
function normals(name: string, scale = 1): Points {
  const kernels = createKernels(4 * COUNT * (WIDTH + 1) + 192);
  const example = kernels.uint32(COUNT);
  for (let i = 0; i < COUNT; i++) example[i] = i;
  const values = kernels.float32(COUNT * WIDTH);
  kernels.normals(values, siteKey(0, name), 0, example, WIDTH);
  return { values: values.map((value) => scale * value), count: COUNT };
}

/** Sets of too little spread against a reference of a normal. */
async function covered(backend: Backend, name: string, sets: number): Promise<Covered> {
  const reference = await neighbourhoods(backend, normals(`${name} reference`), 5);
  const generated: Hits[] = [];
  for (let set = 0; set < sets; set++) generated.push(await hitsOf(backend, reference, normals(`${name} ${set}`, 0.3)));
  return { generated, heldOut: await hitsOf(backend, reference, normals(`${name} held out`)) };
}

const hits = (count: number, ...byReference: readonly (readonly number[])[]): Hits => ({
  count,
  byReference: byReference.map((inside) => Uint32Array.from(inside)),
});

test("coverage by hits is that of sampleQuality", async () => {
  const backend = await cpuBackend(1);
  const [real, made] = [normals("real"), normals("made", 0.5)];
  const reference = await neighbourhoods(backend, real, 5);
  const { coverage } = await sampleQuality(backend, reference, await neighbourhoods(backend, made, 5));
  expect(coverageOf(await hitsOf(backend, reference, made))).toBe(coverage);
  expect(coverage).toBeLessThan(0.95);
});

test("a ratio has the mean over the sets above the held-out ones, and the least of the classes is named", () => {
  const all = hits(2, [0], [1], [0, 1], [1]);
  const half = hits(2, [0], [], [], [1]);
  const none = hits(2, [], [], [], []);
  const { ratios, least } = coverageRatios([
    { generated: [all, half], heldOut: all },
    { generated: [half, none], heldOut: half },
  ]);
  expect(ratios.map(({ value }) => value)).toEqual([0.75, 0.5]);
  expect(least).toMatchObject({ value: 0.5, index: 1 });
});

test("the error of a ratio has parts of the reference, of the held-out images and of the draws", () => {
  const tolerance = 4 / Math.sqrt(2 * 400); // four errors of a deviation of 400 draws
  // Every image of the reference has all points in its neighbourhood: nothing that is drawn changes this.
  const every = hits(3, [0, 1, 2], [0, 1, 2], [0, 1, 2]);
  expect(coverageRatios([{ generated: [every], heldOut: every }]).ratios[0]!.standardError).toBeCloseTo(0, 10);
  // Of n points, one covers all: with a chance of (1 − 1/n)ⁿ it is not drawn, and the coverage is 0.
  const one = hits(3, [0], [0], [0]);
  const missed = (1 - 1 / 3) ** 3;
  const deviation = Math.sqrt(missed * (1 - missed));
  const ofDraws = (sets: readonly Hits[]) => coverageRatios([{ generated: sets, heldOut: every }]).ratios[0]!;
  expect(Math.abs(ofDraws([one]).standardError / deviation - 1)).toBeLessThan(tolerance);
  expect(Math.abs(ofDraws([one, one, one, one]).standardError / (deviation / 2) - 1)).toBeLessThan(tolerance);
  // Half of 40 images are covered whatever the draw: the error of a share, √(¼ / 40).
  const share = hits(1, ...Array.from({ length: 40 }, (_, i) => (i % 2 ? [0] : [])));
  const full = hits(1, ...Array.from({ length: 40 }, () => [0]));
  const ofReference = coverageRatios([{ generated: [share], heldOut: full }]).ratios[0]!;
  expect(Math.abs(ofReference.standardError / Math.sqrt(0.25 / 40) - 1)).toBeLessThan(tolerance);
  // Held-out images that cover less in some draws, and all in others.
  const loose = hits(40, ...Array.from({ length: 40 }, (_, i) => [i, (i + 1) % 40]));
  expect(coverageRatios([{ generated: [full], heldOut: loose }]).ratios[0]!.standardError).toBeGreaterThan(0.02);
});

test("the error of the least is that of a minimum of all classes", () => {
  const share = hits(1, ...Array.from({ length: 40 }, (_, i) => (i % 2 ? [0] : [])));
  const full = hits(1, ...Array.from({ length: 40 }, () => [0]));
  const same = Array.from({ length: 10 }, () => ({ generated: [share], heldOut: full }));
  const { ratios, least } = coverageRatios(same);
  // The minimum of ten normals alike has 0.587 times the deviation of one (Teichroew 1956).
  expect(least.standardError / ratios[0]!.standardError).toBeGreaterThan(0.5);
  expect(least.standardError / ratios[0]!.standardError).toBeLessThan(0.68);
});

test("errors are about as large as what ratios of new images and draws differ by", async () => {
  const backend = await cpuBackend(1);
  const values: number[] = [];
  const errors: number[] = [];
  for (let i = 0; i < 40; i++) {
    const { value, standardError } = coverageRatios([await covered(backend, `${i}`, 2)]).ratios[0]!;
    values.push(value);
    errors.push(standardError);
  }
  const deviation = meanAndError(values).standardError! * Math.sqrt(values.length);
  expect(meanAndError(values).mean).toBeLessThan(0.8);
  expect(meanAndError(errors).mean / deviation).toBeGreaterThan(0.8);
  expect(meanAndError(errors).mean / deviation).toBeLessThan(1.7);
});
