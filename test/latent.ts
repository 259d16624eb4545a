import { staticSize } from "../src/graph/shape.ts";
import type { ParameterSpec } from "../src/nn/parameters.ts";
import { createKernels } from "../src/runtime/kernels.ts";
import { siteKey } from "../src/runtime/philox.ts";
import { initializeParameters } from "../src/train/initialize.ts";
import { layoutOf, viewOf } from "../src/train/layout.ts";

/* For tests of posteriors, priors and flows. */

/** Standard normal or uniform numbers, the same at every run. */
export function draws(kind: "normals" | "uniforms", count: number, site = "draws"): Float32Array {
  const kernels = createKernels(4 * count + 128);
  const out = kernels.float32(count);
  kernels[kind](out, siteKey(1, site), 0, kernels.uint32(1), count);
  return out;
}

/** Parameters none of which is 0 or like another, of size up to `scale`. */
export const generic = (specs: readonly ParameterSpec[], scale = 1): Record<string, number[]> =>
  Object.fromEntries(
    specs.map(({ path, shape }, k) => [
      path,
      Array.from({ length: staticSize(shape) }, (_, i) => scale * Math.sin(i + 7 * k + 1)),
    ]),
  );

/** Parameters as training starts with them. */
export function initial(specs: readonly ParameterSpec[]): Record<string, Float32Array> {
  if (specs.length === 0) return {};
  const layout = layoutOf(specs);
  const buffer = new Float32Array(layout.total);
  initializeParameters(buffer, layout, specs, 3);
  return Object.fromEntries(layout.slots.map((slot) => [slot.path, viewOf(buffer, slot).slice()]));
}

export const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

/** Mean of rows (n, d) and their covariance (d, d), row after row. */
export function momentsOf(rows: readonly number[], d: number): { mean: number[]; covariance: number[] } {
  const count = rows.length / d;
  const column = (j: number) => Array.from({ length: count }, (_, i) => rows[i * d + j]!);
  const columns = Array.from({ length: d }, (_, j) => column(j));
  const means = columns.map(mean);
  const covariance = columns.flatMap((a, i) =>
    columns.map((b, j) => mean(a.map((x, row) => (x - means[i]!) * (b[row]! - means[j]!)))),
  );
  return { mean: means, covariance };
}

/** log |det| of a matrix (d, d), by elimination. */
export function logDeterminant(matrix: readonly number[], d: number): number {
  const a = Array.from({ length: d }, (_, i) => matrix.slice(i * d, (i + 1) * d));
  let total = 0;
  for (let k = 0; k < d; k++) {
    const pivot = a.slice(k).reduce((best, row, i) => (Math.abs(row[k]!) > Math.abs(a[best]![k]!) ? k + i : best), k);
    [a[k], a[pivot]] = [a[pivot]!, a[k]!];
    total += Math.log(Math.abs(a[k]![k]!));
    for (let i = k + 1; i < d; i++) {
      const factor = a[i]![k]! / a[k]![k]!;
      for (let j = k; j < d; j++) a[i]![j]! -= factor * a[k]![j]!;
    }
  }
  return total;
}

/** Points of a square grid over the plane (n, 2), and the area of each: a sum over them is an integral of what dies away. */
export function plane(half: number, step: number): { readonly z: number[]; readonly area: number } {
  const line = Array.from({ length: 2 * Math.round(half / step) + 1 }, (_, i) => i * step - half);
  return { z: line.flatMap((x) => line.flatMap((y) => [x, y])), area: step * step };
}
