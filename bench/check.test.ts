import { expect, test } from "vitest";
import { checkSame, differenceOf } from "./check.ts";

test("a difference is relative to the largest number, and nothing hides", () => {
  expect(differenceOf([1, 100], [1, 101])).toBeCloseTo(1 / 101, 12);
  expect(differenceOf([2], [2])).toBe(0);
  expect(differenceOf([Number.NaN, 1], [1, 1])).toBeNaN();
  expect(differenceOf([1], [1, 1])).toBe(Number.POSITIVE_INFINITY);
});

test("a peer that computes something else is refused, with its numbers", async () => {
  const rival = (values: readonly number[]) => ({
    ...{ name: "other", setting: "", version: "", block: 1 },
    peer: { version: "", ask: async () => ({ values }), close: async () => {} },
  });
  expect(await checkSame(rival([1, 2]), {}, [1, 2], "loss")).toBe(0);
  await expect(checkSame(rival([1, 2.1]), {}, [1, 2], "loss")).rejects.toThrow(/loss: .*ours 1, 2 .*other's 1, 2\.1/);
  await expect(checkSame(rival([Number.NaN]), {}, [1], "loss")).rejects.toThrow("NaN");
});
