import { readFile } from "node:fs/promises";
import { DataError } from "../errors.ts";
import type { Examples } from "./dataset.ts";

/** A table of numbers: row after row, each with one for each name. */
interface Table {
  readonly names: readonly string[];
  readonly rows: number;
  readonly values: Float32Array;
}

/**
 * The examples of one source or of two, each with its rows of a CSV file as `numbers`: first those of the first.
 * @param file undefined leaves the examples as they are
 * @throws DataError naming file, row and column
 */
export async function withConditions<Parts extends readonly [Examples, ...Examples[]]>(
  parts: Parts,
  file: string | undefined,
): Promise<Parts> {
  if (file === undefined) return parts;
  const { names, rows, values } = parseTable(await readText(file), file);
  const needed = parts.reduce((total, { count }) => total + count, 0);
  if (rows !== needed) {
    const counts = parts.map(({ count }) => count).join(" + ");
    throw new DataError(
      `${file}: holds ${rows} rows below its header, and there are ${counts} examples; it must have a row for each${parts.length > 1 ? ", first those of the training file, then those of the test file" : ""}`,
    );
  }
  let from = 0;
  const numbered = parts.map((part) => {
    const own = values.subarray(from * names.length, (from + part.count) * names.length);
    from += part.count;
    return { ...part, numbers: { names, values: own } };
  });
  return numbered as unknown as Parts;
}

async function readText(file: string): Promise<string> {
  try {
    return (await readFile(file, "utf8")).replace(/^\uFEFF/, "");
  } catch (error) {
    const what = error instanceof Error ? error.message : String(error);
    throw new DataError(
      `data.conditions: ${file}: cannot be read: ${what}; name a CSV file beside the data, or give its whole path`,
      { cause: error },
    );
  }
}

/** Of text with a header: cells apart by commas, in quotes or not, and all of them numbers. */
function parseTable(text: string, file: string): Table {
  const lines = text.split(/\r?\n/);
  while (lines.at(-1)?.trim() === "") lines.pop();
  const names = cellsOf(lines[0] ?? "");
  checkNames(names, file);
  const rows = lines.length - 1;
  const values = new Float32Array(rows * names.length);
  for (let row = 0; row < rows; row++) {
    const cells = cellsOf(lines[row + 1]!);
    if (cells.length !== names.length)
      throw new DataError(
        `${file}: row ${row + 1}: expected ${names.length} cells (${names.join(", ")}), got ${cells.length}`,
      );
    for (const [column, cell] of cells.entries()) {
      const value = cell === "" ? Number.NaN : Number(cell);
      if (!Number.isFinite(Math.fround(value)))
        throw new DataError(
          `${file}: row ${row + 1}, column "${names[column]}": expected a number, got ${JSON.stringify(cell)}; leave columns of text out, and fill in what is missing`,
        );
      values[row * names.length + column] = value;
    }
  }
  return { names, rows, values };
}

const cellsOf = (line: string): string[] => line.split(",").map((cell) => cell.trim().replace(/^"(.*)"$/, "$1"));

function checkNames(names: readonly string[], file: string): void {
  const refuse = (problem: string) => {
    throw new DataError(`${file}: its first line names the columns, and ${problem}`);
  };
  const wrong = names.find((name, i) => name === "" || names.indexOf(name) < i);
  if (wrong !== undefined) refuse(wrong === "" ? "one of the names is empty" : `"${wrong}" stands there twice`);
  if (names.includes("label"))
    refuse('"label" is the name of the class of each example, which stands in a file of labels; choose another name');
  const separator = names.length === 1 ? /[;\t]/.exec(names[0]!)?.[0] : undefined;
  if (separator) refuse(`they are apart by ${separator === ";" ? "semicolons" : "tabs"}; set commas instead`);
  if (names.every((name) => Number.isFinite(Number(name))))
    refuse(`these are numbers (${names.slice(0, 3).join(", ")}); add a line of names above them`);
}
