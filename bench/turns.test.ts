import { expect, test } from "vitest";
import { byTurns, ratios, ratiosByPart, summaries, withTotals } from "./turns.ts";

test("contenders take turns, and the first round is not counted", async () => {
  const order: string[] = [];
  const contender = (name: string, times: readonly number[]) => ({
    name,
    block: async () => times[order.push(name) >> 1]!,
  });
  // order.push gives 1, 2, 3, …: a sees 1 >> 1 = 0, 1, 2, and b 1, 2, 3.
  const a = contender("vaekit", [100, 2, 4]);
  const b = contender("other", [0, 100, 6, 8]);
  const lines: string[] = [];
  const times = await byTurns([a, b], 2, (line) => lines.push(line));
  expect(order).toEqual(["vaekit", "other", "vaekit", "other", "vaekit", "other"]);
  expect(times).toEqual({ vaekit: [2, 4], other: [6, 8] });
  expect(lines).toEqual(["pair 1: vaekit 2.00, other 6.00", "pair 2: vaekit 4.00, other 8.00"]);
  expect(summaries(times).other).toEqual({ median: 7, min: 6, max: 8 });
});

test("a ratio is the other's time over ours, round by round", () => {
  expect(ratios({ vaekit: [1, 2], other: [3, 4] })).toEqual({ other: { median: 2.5, low: 2, high: 3 } });
});

test("parts have ratios of their own, and all together one of the sums", () => {
  const parts = { "vaekit a": [1, 1, 1], "pytorch a": [2, 2, 2], "vaekit b": [3, 3, 3], "pytorch b": [3, 6, 9] };
  const times = withTotals(parts, ["a", "b"]);
  expect(times).toEqual({ vaekit: [4, 4, 4], pytorch: [5, 8, 11], ...parts });
  expect(ratiosByPart(times, ["", "b"])).toEqual({
    pytorch: { median: 2, low: 1.25, high: 2.75 },
    "pytorch b": { median: 2, low: 1, high: 3 },
  });
});
