import { expect, test } from "vitest";
import { untrained } from "../../test/models.ts";
import { cpuBackend } from "../runtime/ort.node.ts";
import { inference } from "./inference.ts";

const model = untrained({ model: { latent: 3, encoder: { hidden: [40] } } }, [7, 9]);

test("a row comes out the same to the bit, whatever is computed beside it", async () => {
  const used = inference(model, await cpuBackend(1));
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

test("rows of the wrong width are refused with both numbers", async () => {
  const used = inference(model, await cpuBackend(1));
  await expect(used.encode(new Float32Array(62), 1)).rejects.toThrow(
    "x: expected 1 rows of 63 values (63), got 62 values",
  );
  await expect(used.decode(new Float32Array(7), 2)).rejects.toThrow("z: expected 2 rows of 3 values (6), got 7 values");
  await used.close();
});
