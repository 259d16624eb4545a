import { beforeAll, describe, expect, test } from "vitest";
import { untrained } from "../../test/models.ts";
import { evaluate, furthest } from "../../test/numeric.ts";
import { type PartialConfig, parseConfig } from "../config.ts";
import { input } from "../graph/tensor.ts";
import type { Backend } from "../runtime/backend.ts";
import { cpuBackend } from "../runtime/ort.node.ts";
import { inference } from "./inference.ts";
import { loadNetworks } from "./networks.ts";
import { loadParts } from "./parts.ts";
import type { PortableModel } from "./portable.ts";
import type { RowSharing } from "./rows.ts";

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

test("a condition for a model that takes none is refused", async () => {
  const used = inference(model, await cpuBackend(1));
  const [x, given] = [new Float32Array(63), new Float32Array(2)];
  await expect(used.encode(x, 1, given)).rejects.toThrow("condition: the model is not conditional, and takes none");
  await expect(used.decode(new Float32Array(3), 1, given)).rejects.toThrow("condition: the model is not conditional");
  await used.close();
});

test("samplers that cannot be opened are tried again, and the model still gives back its threads", async () => {
  let tries = 0;
  let closed = false;
  const sharing: RowSharing = {
    share: (_network, own) => own,
    async close() {
      closed = true;
    },
  };
  const used = inference(model, await cpuBackend(1), sharing, () => Promise.reject(new Error(`no. ${++tries}`)));
  await expect(used.sampler!("flow")).rejects.toThrow("no. 1");
  await expect(used.sampler!("flow")).rejects.toThrow("no. 2");
  await used.close();
  expect(closed).toBe(true);
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

/** A model of seven numbers and three latents, whose weights have left where they start. */
async function moved(model: PartialConfig["model"]): Promise<PortableModel> {
  const config = { model: { latent: 3, encoder: { hidden: [5] }, ...model } };
  await loadParts(parseConfig(config).model);
  const start = untrained(config, [7]);
  const away = Object.entries(start.weights).map(([path, values]) => [
    path,
    values.map((value, i) => value + Math.sin(3 * i + path.length) / 3),
  ]);
  return { ...start, weights: Object.fromEntries(away) };
}

type Flow = NonNullable<NonNullable<NonNullable<PartialConfig["model"]>["posterior"]>["flow"]>;

const sevens = Float32Array.from({ length: 6 * 7 }, (_, i) => ((i * 7919) % 101) / 100);

test.each<Flow>([{ kind: "planar" }, { kind: "realnvp", hidden: [6] }, { kind: "iaf", hidden: [6] }])(
  "a code is where the flow $kind takes the mean: the draw without noise",
  async (flow) => {
    const model = await moved({ posterior: { covariance: "full", flow } });
    const used = inference(model, await cpuBackend(1));
    const { mean, logvar, code } = await used.encode(sevens, 6);
    await used.close();
    const posterior = model.vae.posterior(input("x", ["batch", 7]));
    const { z } = posterior.draw(input("noise", ["batch", posterior.noiseWidth]));
    const noise = new Float32Array(6 * posterior.noiseWidth);
    const expected = await evaluate(
      { z, mean: posterior.base.mean, logvar: posterior.base.logvar },
      { ...model.weights, x: sevens, noise },
      "float32",
    );
    expect(furthest(mean, expected.mean!)).toBeLessThan(1e-5);
    expect(furthest(logvar, expected.logvar!)).toBeLessThan(1e-5);
    expect(furthest(code, expected.z!)).toBeLessThan(1e-5);
    expect(furthest(code, mean)).toBeGreaterThan(0.05);
  },
);

test("without a flow a code is the mean", async () => {
  const used = inference(await moved({ posterior: { covariance: "rank-one" } }), await cpuBackend(1));
  const { mean, code } = await used.encode(sevens, 6);
  expect(code).toBe(mean);
  await used.close();
});

test("a planar flow takes each row its own way", async () => {
  const used = inference(await moved({ posterior: { flow: { kind: "planar", steps: 1 } } }), await cpuBackend(1));
  const { mean, code } = await used.encode(sevens, 6);
  await used.close();
  // One step moves z along û: with planes that all rows have in common, all ways would be parallel.
  const way = (row: number) => [0, 1, 2].map((j) => code[3 * row + j]! - mean[3 * row + j]!);
  const [[a, b], [c, d]] = [way(0), way(1)] as [number[], number[]] as [[number, number], [number, number]];
  expect(Math.abs(a * d - b * c)).toBeGreaterThan(1e-3 * Math.hypot(a, b) * Math.hypot(c, d));
});

describe("a prior that is learned", () => {
  const rows = 3000; // many programs' worth
  const [normal, uniform] = [new Float32Array(rows * 3).fill(0.5), new Float32Array(rows).fill(0.5)];
  const mixture = () => moved({ prior: { kind: "mixture", components: 4 } });

  test("a draw under way is waited for, and none begins after the close", async () => {
    const used = inference(await mixture(), await cpuBackend(1));
    const drawn = used.prior.draw(normal, uniform, rows);
    const closing = used.close();
    await expect(used.prior.draw(normal, uniform, rows)).rejects.toThrow("the model is closed");
    await closing;
    const z = await drawn;
    expect([...z.slice(-3)]).toEqual([...z.slice(0, 3)]);
    await expect(used.prior.draw(normal, uniform, rows)).rejects.toThrow("the model is closed");
  });

  test("one that does not compile fails the draw, and not the close", async () => {
    const failing: Backend = {
      ...(await cpuBackend(1)),
      compile: () => Promise.reject(new Error("no memory")),
    };
    const used = inference(await mixture(), failing);
    await expect(used.prior.draw(normal, uniform, rows)).rejects.toThrow("no memory");
    await used.close();
  });
});
