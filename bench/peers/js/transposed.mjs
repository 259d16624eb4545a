/** A matrix (rows, columns) as (columns, rows). */
export function transposed(values, rows, columns) {
  return values.map((_, i) => values[(i % rows) * columns + Math.floor(i / rows)]);
}
