import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { loadSplits } from "./load.node.ts";

const folder = mkdtempSync(join(tmpdir(), "vaekit-conditions-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Images of one pixel, which is their number. */
const images = (count: number, from = 0) =>
  Uint8Array.of(
    0,
    0,
    8,
    3,
    0,
    0,
    0,
    count,
    0,
    0,
    0,
    1,
    0,
    0,
    0,
    1,
    ...Array.from({ length: count }, (_, i) => from + i),
  );

beforeAll(() => {
  writeFileSync(join(folder, "x-images-idx3-ubyte"), images(10));
  mkdirSync(join(folder, "pair"));
  writeFileSync(join(folder, "pair", "train-images-idx3-ubyte"), images(6));
  writeFileSync(join(folder, "pair", "t10k-images-idx3-ubyte"), images(3, 6));
});

const table = (name: string, text: string) => {
  writeFileSync(join(folder, name), text);
  return name;
};
const rows = (count: number) => Array.from({ length: count }, (_, i) => `${i},${i / 4}`).join("\n");
const file = join(folder, "x-images-idx3-ubyte");

test("each example has its row of the file, wherever the split puts it", async () => {
  const conditions = table("a.csv", `\uFEFF"row", weight\r\n${rows(10).replaceAll("\n", "\r\n")}\r\n\r\n`);
  const splits = await loadSplits(file, { conditions });
  for (const { values, numbers, count } of [splits.train, splits.validation, splits.test]) {
    expect(numbers!.names).toEqual(["row", "weight"]);
    expect([...numbers!.values]).toEqual([...values].flatMap((pixel) => [pixel, pixel / 4]));
    expect(count).toBeGreaterThan(0);
  }
});

test("of a folder with a test file, the rows of the training file come first", async () => {
  table(join("pair", "a.csv"), `row,weight\n${rows(9)}`);
  const { train, validation, test: testing } = await loadSplits(join(folder, "pair"), { conditions: "a.csv" });
  const first = ({ numbers }: typeof train) => [...numbers!.values].filter((_, i) => i % 2 === 0);
  expect([first(train), first(validation), first(testing)]).toEqual([[0, 1, 2, 3, 4], [5], [6, 7, 8]]);
  const whole = join(folder, "pair", "a.csv");
  expect((await loadSplits(join(folder, "pair"), { conditions: whole })).test.numbers).toEqual(testing.numbers);
});

test.each([
  [
    "too few rows",
    `row,weight\n${rows(9)}`,
    /bad.csv: holds 9 rows below its header, and there are 10 examples; it must/,
  ],
  ["a cell of text", `row,weight\n${rows(10).replace("3,0.75", "3,heavy")}`, /row 4, column "weight": .* got "heavy"/],
  ["an empty cell", `row,weight\n${rows(10).replace("3,0.75", "3,")}`, /row 4, column "weight": .* got ""/],
  [
    "a number beyond 32 bits",
    `row,weight\n${rows(10).replace("3,0.75", "3,1e40")}`,
    /row 4, column "weight": .* "1e40"/,
  ],
  [
    "a cell too few",
    `row,weight\n${rows(10).replace("3,0.75", "3")}`,
    /row 4: expected 2 cells \(row, weight\), got 1/,
  ],
  [
    "no header",
    rows(10).replace("0,0", "7,0"),
    /first line names the columns, and these are numbers \(7, 0\); add a line of names/,
  ],
  ["a name twice", `row,row\n${rows(10)}`, /"row" stands there twice/],
  ["a name that is another's", `label,row\n${rows(10)}`, /"label" is the name of the class of each example/],
  ["semicolons", "row;weight\n1;2", /apart by semicolons; set commas instead/],
  ["nothing", "", /one of the names is empty/],
])("%s is refused", async (_, text, problem) => {
  const conditions = table("bad.csv", text);
  await expect(loadSplits(file, { conditions })).rejects.toThrow(problem);
});

test("a file that is not there, and sprites, are refused", async () => {
  await expect(loadSplits(file, { conditions: "none.csv" })).rejects.toThrow(
    /^data.conditions: .*none.csv: cannot be read: .*; name a CSV file beside the data, or give its whole path$/,
  );
  await expect(loadSplits("sprites", { conditions: "a.csv", examples: 10 })).rejects.toThrow(
    'data.conditions: sprites are drawn with their factors, and take no file, got "a.csv"; leave it out',
  );
});
