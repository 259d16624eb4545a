import type { ParameterSpec } from "../nn/parameters.ts";
import { createKernels } from "../runtime/kernels.ts";
import { siteKey } from "../runtime/philox.ts";
import { type Layout, viewOf } from "./layout.ts";

/** Fills a flat buffer with the parameters' initial values. Each draws by its own path, whatever else there is. */
export function initializeParameters(
  buffer: Float32Array,
  layout: Layout,
  specs: readonly ParameterSpec[],
  seed: number,
): void {
  const largest = Math.max(...layout.slots.map(({ length }) => length));
  const kernels = createKernels(4 * largest + 128);
  const scratch = kernels.float32(largest);
  const first = kernels.uint32(1);
  for (const [i, { path, initializer }] of specs.entries()) {
    const slot = layout.slots[i]!;
    const target = viewOf(buffer, slot);
    const draws = scratch.subarray(0, slot.length);
    const key = siteKey(seed, `initialize/${path}`);
    switch (initializer.kind) {
      case "constant":
        target.fill(initializer.value);
        break;
      case "values":
        target.set(initializer.values);
        break;
      case "normal":
        kernels.normals(draws, key, 0, first, slot.length);
        target.set(draws.map((x) => x * initializer.standardDeviation));
        break;
      case "uniform":
        kernels.uniforms(draws, key, 0, first, slot.length);
        target.set(draws.map((x) => (2 * x - 1) * initializer.limit));
        break;
    }
  }
}
