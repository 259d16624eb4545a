import { beforeAll, expect, test } from "vitest";
import { untrained } from "../../test/models.ts";
import type { PartialConfig } from "../config.ts";
import type { Backend } from "../runtime/backend.ts";
import { cpuBackend } from "../runtime/ort.node.ts";
import { inference } from "./inference.ts";
import { loadNetworks } from "./networks.ts";

const model = untrained({ model: { latent: 3, encoder: { hidden: [40] } } }, [7, 9]);

beforeAll(() => loadNetworks(["conv", "residual"]));

test.each<[string, PartialConfig]>([
  ["dense", { model: { latent: 3, encoder: { hidden: [40] } } }],
  ["convolutional", { model: { latent: 3, encoder: { kind: "conv", layers: [{ channels: 5 }], hidden: [20] } } }],
  ["residual", { model: { latent: 3, encoder: { kind: "residual", channels: [8], blocks: 1, hidden: [20] } } }],
])("a row comes out the same to the bit, whatever is computed beside it: %s", async (_name, config) => {
  const used = inference(untrained(config, [7, 9]), await cpuBackend(1));
  const rows = 300; // more than go through the network at once
  const x = Float32Array.from({ length: rows * 63 }, (_, i) => ((i * 7919) % 101) / 100);
  const { mean, logvar } = await used.encode(x, rows);
  const images = await used.decode(mean, rows);
  for (const row of [0, 1, 127, 128, 255, 299]) {
    const alone = await used.encode(x.slice(row * 63, (row + 1) * 63), 1);
    expect(alone.mean).toEqual(mean.slice(row * 3, (row + 1) * 3));
    expect(alone.logvar).toEqual(logvar.slice(row * 3, (row + 1) * 3));
    expect(await used.decode(alone.mean, 1)).toEqual(images.slice(row * 63, (row + 1) * 63));
  }
  await used.close();
});

test("grey levels v come out as v/255 does", async () => {
  const used = inference(model, await cpuBackend(1));
  const grey = Uint8Array.from({ length: 130 * 63 }, (_, i) => (i * 7919) % 256);
  const x = Float32Array.from(grey, (v) => v / 255);
  expect(await used.encode(grey, 130)).toEqual(await used.encode(x, 130));
  await expect(used.decode(grey.subarray(0, 3) as never, 1)).rejects.toThrow("z: expected a Float32Array, rows of 3");
  await used.close();
});

test("a model that is closed meanwhile computes what it was asked for, and no more", async () => {
  const used = inference(model, await cpuBackend(1));
  const x = new Float32Array(500 * 63).fill(0.5);
  const first = used.encode(x, 500);
  const closing = used.close();
  await expect(used.encode(x, 500)).rejects.toThrow("the model is closed");
  await closing;
  expect((await first).mean.at(-1)).not.toBe(0);
});

test("rows of the wrong width are refused with both numbers", async () => {
  const used = inference(model, await cpuBackend(1));
  await expect(used.encode(new Float32Array(62), 1)).rejects.toThrow(
    "x: expected 1 rows of 63 values (63), got 62 values",
  );
  await expect(used.decode(new Float32Array(7), 2)).rejects.toThrow("z: expected 2 rows of 3 values (6), got 7 values");
  await used.close();
});

test("calls at once do not mix their rows", async () => {
  const used = inference(model, await cpuBackend(1));
  const inputs = [130, 1, 5].map((rows, call) => Float32Array.from({ length: rows * 63 }, (_, i) => (i + call) % 2));
  const apart = [];
  for (const x of inputs) apart.push(await used.encode(x, x.length / 63));
  const together = await Promise.all(inputs.map((x) => used.encode(x, x.length / 63)));
  expect(together).toEqual(apart);
  expect(apart[1]!.mean).not.toEqual(apart[2]!.mean.slice(0, 3));
  const images = await Promise.all(apart.map(({ mean }) => used.decode(mean, mean.length / 3)));
  for (const [i, { mean }] of apart.entries()) expect(await used.decode(mean, mean.length / 3)).toEqual(images[i]);
  await used.close();
});

test("a call that fails does not fail the one that waits behind it", async () => {
  const backend = await cpuBackend(1);
  let runs = 0;
  const failing: Backend = {
    ...backend,
    async compile(...given) {
      const executable = await backend.compile(...given);
      const bind: typeof executable.bind = (...arrays) => {
        const run = executable.bind(...arrays);
        return async () => {
          if (runs++ === 0) throw new Error("the first run fails");
          await run();
        };
      };
      return { ...executable, bind };
    },
  };
  const used = inference(model, failing);
  const x = new Float32Array(63).fill(0.5);
  const [first, second] = await Promise.allSettled([used.encode(x, 1), used.encode(x, 1)]);
  expect([first.status, second.status]).toEqual(["rejected", "fulfilled"]);
  await used.close();
});
