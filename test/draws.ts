import { createKernels } from "../src/runtime/kernels.ts";
import { siteKey } from "../src/runtime/philox.ts";

/** Draws of every kind, as bytes. Runs in Node and, bundled, in a browser: test/browser-draws.test.ts compares. */
export function drawAll(): Record<string, number[]> {
  const kernels = createKernels(2_000_000);
  const [rows, columns, samples] = [37, 101, 3];
  const example = kernels.uint32(rows);
  example.forEach((_, i) => {
    example[i] = i * 2654435761;
  });
  const pixels = kernels.uint8(rows * columns);
  pixels.forEach((_, i) => {
    pixels[i] = i;
  });
  const key = siteKey(2 ** 40 + 17, "Größe");
  const normals = kernels.float32(samples * rows * columns);
  kernels.normals(normals, key, 12, example, columns, 4, samples);
  const uniforms = kernels.float32(samples * rows * columns);
  kernels.uniforms(uniforms, key, 12, example, columns, 4, samples);
  const binarized = kernels.float32(rows * columns);
  kernels.binarize(binarized, pixels, key, 12, example, columns);
  const bytes = (array: Float32Array) => [...new Uint8Array(array.buffer, array.byteOffset, array.byteLength)];
  return { normals: bytes(normals), uniforms: bytes(uniforms), binarized: bytes(binarized) };
}
