import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { UsageError } from "../errors.ts";
import { checkOutputFile, formatCount, formatSeconds, shellQuote, tableLines } from "./output.ts";

const folder = mkdtempSync(join(tmpdir(), "vaekit-output-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("an output file is refused for its extension, its folder, or when it is a folder", () => {
  writeFileSync(join(folder, "file"), "");
  const refused = (file: string) => {
    try {
      checkOutputFile("--out", file, [".npy", ".csv"]);
    } catch (error) {
      expect(error).toBeInstanceOf(UsageError);
      return (error as Error).message.replaceAll(folder, "DIR");
    }
    return undefined;
  };
  expect(refused(join(folder, "x.csv"))).toBeUndefined();
  expect(refused(join(folder, "x.CSV"))).toBeUndefined();
  expect(refused(join(folder, "x.png"))).toBe('--out: expected a file name ending in .npy or .csv, got "DIR/x.png"');
  expect(refused(join(folder, "none/x.csv"))).toBe('--out: the folder "DIR/none" does not exist; create it first');
  mkdirSync(join(folder, "y.csv"));
  expect(refused(join(folder, "y.csv"))).toBe('--out: expected a file, got the folder "DIR/y.csv"');
  expect(refused(join(folder, "file/x.csv"))).toBe('--out: "DIR/file" is a file, not a folder');
});

test.skipIf(process.getuid?.() === 0)("an output file in a folder that is not writable is refused", () => {
  mkdirSync(join(folder, "closed"), { mode: 0o555 });
  expect(() => checkOutputFile("--out", join(folder, "closed/x.csv"), [".csv"])).toThrow(/closed" is not writable/);
});

test.each([
  [0.4, "0s"],
  [59.6, "1m00s"],
  [245, "4m05s"],
  [3725, "1h02m"],
])("%d seconds read %s", (seconds, text) => {
  expect(formatSeconds(seconds)).toBe(text);
});

test("numbers stand at the right of a table's column, words at its left", () => {
  expect(
    tableLines([
      ["name", "value"],
      ["a", "1.50"],
      ["longer", "−12.25"],
    ]),
  ).toEqual(["name    value", "a         1.50", "longer  −12.25"]);
});

test("a path with blanks or quotes is quoted for a shell", () => {
  expect(shellQuote("runs/a-1.b")).toBe("runs/a-1.b");
  expect(shellQuote("my runs/it's")).toBe("'my runs/it'\\''s'");
});

test("counts have commas at thousands", () => {
  for (const count of [0, 7, 999, 1000, 12_345, 999_999.5, 1_234_567, -1234, Number.NaN])
    expect(formatCount(count)).toBe(Math.round(count).toLocaleString("en-US"));
});
