/** What src/runtime/assembly exports. Pointers are byte offsets into the memory that it imports. */
export interface KernelExports {
  heapBase(): number;
  useScratch(at: number): void;
  normals: Draw;
  uniforms: Draw;
  binarize(
    out: number,
    pixels: number,
    key0: number,
    key1: number,
    step: number,
    example: number,
    rows: number,
    columns: number,
  ): void;
  unitInterval(out: number, pixels: number, length: number): void;
  adam: MomentUpdate;
  adamax: MomentUpdate;
  momentum(
    parameters: number,
    gradients: number,
    velocity: number,
    length: number,
    scale: number,
    decay: number,
    rate: number,
    friction: number,
    velocityWeight: number,
    gradientWeight: number,
  ): void;
  average(target: number, source: number, length: number, weight: number): void;
  sumOfSquares(x: number, length: number): number;
}

export type Draw = (
  out: number,
  key0: number,
  key1: number,
  step: number,
  example: number,
  rows: number,
  columns: number,
  sampleStart: number,
  samples: number,
) => void;

type MomentUpdate = (
  parameters: number,
  gradients: number,
  first: number,
  second: number,
  length: number,
  scale: number,
  decay: number,
  rate: number,
  weight1: number,
  weight2: number,
  epsilon: number,
) => void;
