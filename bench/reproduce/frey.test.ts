import { expect, test } from "vitest";
import type { ModelScores } from "../../src/evaluate/evaluate.ts";
import { meets } from "./experiment.ts";
import { boundsOverTraining } from "./frey.chart.ts";
import { boundFigures } from "./frey.ts";

const scoresOf = (negElboNats: readonly number[]): ModelScores => ({
  data: "faces",
  split: "test",
  index: Uint32Array.from(negElboNats, (_, i) => i),
  measure: "density",
  binarization: "none",
  seed: 0,
  negElboNats: Float64Array.from(negElboNats),
  distortionNats: Float64Array.from(negElboNats),
  rateNats: new Float64Array(negElboNats.length),
});
const curve = (run: string, ...scores: readonly (readonly number[])[]) => ({
  run,
  points: scores.map((values, i) => ({ seen: 10_000 * (i + 1), scores: scoresOf(values) })),
});

test("runs are compared with the last at the end, and each with its own best, example by example", () => {
  const curves = [
    curve("z2", [10, 20], [-4, 8]),
    curve("z10", [9, 19], [-6, 2], [-5, 7]), // the best is not the last, by 1 and 5 nats
    curve("z20", [9, 19], [-7, 3]),
  ];
  const [atLeast0, none] = [{ op: ">=", limit: 0 } as const, null];
  const atMost = (limit: number) => ({ op: "<=", limit }) as const;
  expect(boundFigures("test", curves, true).map(({ name, value, bar }) => [name, value, bar])).toEqual([
    ["z2 less z20: test −ELBO at the end, 2 images, 1 sample", 4, atLeast0],
    ["z10 less z20: test −ELBO at the end, 2 images, 1 sample", 3, none],
    ["z2: test −ELBO at the end less the least over training, 2 images, 1 sample", 0, atMost(0)],
    ["z10: test −ELBO at the end less the least over training, 2 images, 1 sample", 3, atMost(3.92)], // 1.96 · 2
    ["z20: test −ELBO at the end less the least over training, 2 images, 1 sample", 0, atMost(0)],
    ["z2: test −ELBO at the end, 2 images, 1 sample", 2, none],
    ["z10: test −ELBO at the end, 2 images, 1 sample", 1, none],
    ["z20: test −ELBO at the end, 2 images, 1 sample", -2, none],
  ]);
  expect(boundFigures("validation", curves, false).every(({ bar }) => bar === null)).toBe(true);
});

test("a run that overfits misses its bar", () => {
  const curves = [curve("z2", [10, 20], [1, 11], [6, 17]), curve("z20", [9, 19], [-7, 3])];
  const [, overfitted] = boundFigures("test", curves, true);
  expect(meets(overfitted!)).toBe(false);
});

test("the picture has a line for each run and each of the data, over a logarithmic axis", async () => {
  const point = (run: string, data: "training" | "test", seen: number) => ({ run, data, seen, nats: Math.log(seen) });
  const points = ["z2", "z20"].flatMap((run) =>
    (["training", "test"] as const).flatMap((data) => [1e4, 1e5, 1e6].map((seen) => point(run, data, seen))),
  );
  const svg = await boundsOverTraining(points, 400, 200);
  for (const text of ["z2", "z20", "training", "test", "10k", "1M", "training examples seen"])
    expect(svg).toContain(`>${text}<`);
  const paths = [...svg.matchAll(/<path[^>]* d="M[^"]*L[^"]*L[^"]*"[^>]*>/g)].map(([path]) => path);
  const lines = paths.filter((path) => path.includes('stroke-width="2"'));
  expect(lines).toHaveLength(4);
  expect(lines.filter((path) => /stroke-dasharray="5,\s?3"/.test(path))).toHaveLength(2);
  // The middle of the three lies in the middle, since each is ten times the one before.
  const xs = [...lines[0]!.matchAll(/[ML](-?[\d.]+),/g)].map(([, x]) => Number(x));
  expect(xs[1]! - xs[0]!).toBeCloseTo(xs[2]! - xs[1]!, 0);
});
