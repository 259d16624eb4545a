import { expect, test } from "vitest";
import { fakeInference } from "../../test/fake-inference.ts";
import { UsageError } from "../errors.ts";
import { generate, load, reconstruct, sprites } from "./later.web.ts";

test("what is wrong with a call's arguments rejects its promise, as if the code had been there", async () => {
  await expect(sprites({ examples: 1 })).rejects.toThrow(UsageError);
  await expect(generate("runs/a" as never, { count: 1, seed: 0 })).rejects.toThrow('got "runs/a"; load it first');
  await expect(generate(fakeInference(), { count: 0, seed: 0 })).rejects.toThrow("generate: count:");
  await expect(load("")).rejects.toThrow(Error);
});

test("once the code is there a call begins at once, so that closing the model waits for it", async () => {
  let begun = 0;
  const model = fakeInference();
  const counted: typeof model = {
    ...model,
    encode(...given) {
      begun++;
      return model.encode(...given);
    },
  };
  const x = new Float32Array(4);
  await reconstruct(counted, x, 1);
  const second = reconstruct(counted, x, 1);
  expect(begun).toBe(2);
  await second;
});
