/**
 * Shapes with a symbolic batch. A dimension is a whole number, or a multiple of the batch size ("batch", "5*batch"),
 * which is unknown until a program runs. Nothing else is symbolic: one graph serves every batch size (DESIGN.md, D2).
 */
export type BatchDim = "batch" | `${number}*batch`;
export type Dim = number | BatchDim;
export type Shape = readonly Dim[];

/** How many batches a symbolic dimension spans: 1 for "batch", 5 for "5*batch". */
export function batchFactor(dim: BatchDim): number {
  return dim === "batch" ? 1 : Number(dim.slice(0, dim.indexOf("*")));
}

export function isSymbolic(dim: Dim): dim is BatchDim {
  return typeof dim === "string";
}

/** dim × factor, such as the k·batch rows of k samples folded into the batch. */
export function times(dim: Dim, factor: number): Dim {
  if (!isSymbolic(dim)) return dim * factor;
  const total = batchFactor(dim) * factor;
  return total === 1 ? "batch" : `${total}*batch`;
}

/** One axis in the place of several; undefined where two of them are symbolic. */
export function foldAxes(dims: Shape): Dim | undefined {
  const { factor, power } = elementCount(dims);
  return power === 0 ? factor : power === 1 ? times("batch", factor) : undefined;
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dim, i) => dim === b[i]);
}

/** Shape as a person reads it: (batch, 784). */
export function formatShape(shape: Shape): string {
  return `(${shape.join(", ")}${shape.length === 1 ? "," : ""})`;
}

/** Number of elements as factor × batch^power, so that symbolic shapes can be compared. */
export function elementCount(shape: Shape): { factor: number; power: number } {
  let factor = 1;
  let power = 0;
  for (const dim of shape) {
    if (isSymbolic(dim)) {
      factor *= batchFactor(dim);
      power++;
    } else factor *= dim;
  }
  return { factor, power };
}

/** Number of elements of a shape at a given batch size. */
export function sizeAt(shape: Shape, batchSize: number): number {
  const { factor, power } = elementCount(shape);
  return factor * batchSize ** power;
}

/** A shape with the batch size filled in. */
export function shapeAt(shape: Shape, batchSize: number): number[] {
  return shape.map((dim) => (isSymbolic(dim) ? batchFactor(dim) * batchSize : dim));
}

/** Elements of a shape without a symbolic dimension. */
export function staticSize(shape: Shape): number {
  return sizeAt(shape, Number.NaN);
}

/** NumPy's broadcasting; undefined where the shapes do not fit. */
export function broadcastShapes(a: Shape, b: Shape): Shape | undefined {
  const rank = Math.max(a.length, b.length);
  const result: Dim[] = [];
  for (let i = 0; i < rank; i++) {
    const left = a[a.length - rank + i] ?? 1;
    const right = b[b.length - rank + i] ?? 1;
    if (left !== right && left !== 1 && right !== 1) return undefined;
    result.push(left === 1 ? right : left);
  }
  return result;
}

/** Axes counted from 0, sorted; negative axes count from the end. Undefined where one is out of range or twice. */
export function normalizeAxes(axes: readonly number[], rank: number): number[] | undefined {
  const result = axes.map((axis) => (axis < 0 ? axis + rank : axis)).sort((a, b) => a - b);
  const valid = result.every((axis, i) => Number.isInteger(axis) && axis >= 0 && axis < rank && axis !== result[i - 1]);
  return valid ? result : undefined;
}
