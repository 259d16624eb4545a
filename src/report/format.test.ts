import { expect, test } from "vitest";
import { decimalsFor, escapeHtml, formatDuration, formatNumber, formatPercent, plural } from "./format.ts";

test("escapes what HTML reads, in text and in attributes", () => {
  expect(escapeHtml(`<a href="x" id='y'>&amp;</a>`)).toBe(
    "&lt;a href=&quot;x&quot; id=&#39;y&#39;&gt;&amp;amp;&lt;/a&gt;",
  );
});

test("numbers have separators, a true minus sign, and words where they are not finite", () => {
  expect(formatNumber(-1234.5, 2)).toBe("−1,234.50");
  expect(formatNumber(Number.NaN)).toBe("not a number");
  expect(formatNumber(-Infinity)).toBe("−∞");
});

test.each([
  [0.231, 2], // ± 0.23
  [0.047, 2], // ± 0.05
  [0.00042, 4], // ± 0.0004
  [0.0018, 4], // ± 0.0018
  [3.1, 0],
  [250, 0],
  [0, 2],
  [Number.NaN, 2],
])("a standard error of %d is shown with %i decimals", (error, decimals) => {
  expect(decimalsFor(error)).toBe(decimals);
});

test.each([
  [4.25, "4.3 s"],
  [59.4, "59 s"],
  [59.6, "1 min 0 s"],
  [724, "12 min 4 s"],
  [11_040, "3 h 4 min"],
  [-1, "unknown"],
])("%d seconds are %s", (seconds, text) => {
  expect(formatDuration(seconds)).toBe(text);
});

test("shares and counts", () => {
  expect(formatPercent(0.0163)).toBe("1.6 %");
  expect(formatPercent(0.283)).toBe("28 %");
  expect(plural(1, "epoch")).toBe("1 epoch");
  expect(plural(1200, "epoch")).toBe("1,200 epochs");
});
