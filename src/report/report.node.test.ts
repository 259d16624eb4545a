import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Splits } from "../data/dataset.ts";
import { sprites } from "../data/sprites.ts";
import { DataError, UsageError } from "../errors.ts";
import { train } from "../train/train.node.ts";
import { writeReport } from "./report.node.ts";

/* The report of a run whose data were in memory, which the run cannot load again. */

const folder = mkdtempSync(join(tmpdir(), "vaekit-report-"));
afterAll(() => rmSync(folder, { recursive: true }));

const run = join(folder, "run");
let data: Splits;

beforeAll(async () => {
  data = await sprites({ examples: 60, validation: 20 });
  const model = { latent: 2, encoder: { hidden: [4] } };
  await train({ data, out: run, config: { model, objective: { kind: "capacity", to: 5 } }, epochs: 1, threads: 1 });
});

test("without its data there is no report, and the message says how to give them", async () => {
  const writing = writeReport(run);
  await expect(writing).rejects.toThrow(UsageError);
  await expect(writing).rejects.toThrow(`with --data, or, where they were in memory, write the report in a program`);
  await expect(writing).rejects.toThrow(`await writeReport(${JSON.stringify(run)}, { data })`);
});

test("with them it shows the names of their labels, and interpolations between inputs", async () => {
  const html = readFileSync(await writeReport(run, { data, threads: 1 }), "utf8");
  for (const shape of ["square", "ellipse", "heart"]) expect(html).toContain(`>${shape}</text>`);

  const section = /<section id="interpolations">.*?<\/section>/s.exec(html)![0];
  const png = Buffer.from(/base64,([^"]+)"/.exec(section)![1]!, "base64");
  const { data: pixels, info } = await sharp(png).greyscale().raw().toBuffer({ resolveWithObject: true });
  expect([info.width, info.height]).toEqual([13 * 66 + 2 + 20, 4 * 66 + 2]);
  const tile = (left: number, top: number) =>
    Array.from({ length: 64 * 64 }, (_, i) => pixels[(top + Math.floor(i / 64)) * info.width + left + (i % 64)]);
  const { values, labels } = data.validation;
  const last = labels!.findIndex((label) => label !== labels![0]);
  expect(tile(2, 2)).toEqual([...values.subarray(0, 4096)]);
  expect(tile(info.width - 66, 2)).toEqual([...values.subarray(last * 4096, (last + 1) * 4096)]);
});

test("it says what was trained, and what was minimized", async () => {
  const html = readFileSync(await writeReport(run, { data, threads: 1 }), "utf8");
  expect(html).toContain(
    "β-VAE with capacity (C = 5 nats, γ = 1000), 4 relu, 2 latent dimensions, bernoulli likelihood",
  );
});

test("of several draws it shows the bound that was trained, and the epoch whose weights were kept", async () => {
  const out = join(folder, "iwae");
  const config = { model: { latent: 2, encoder: { hidden: [4] } }, objective: { kind: "iwae", samples: 3 } } as const;
  const { best } = await train({ data, out, config, epochs: 2, threads: 1 });
  const html = readFileSync(await writeReport(out, { data, threads: 1 }), "utf8");
  expect(html).toMatch(/<tr><td>−IWAE bound<\/td>/);
  const bound = best!.objectiveNats.toLocaleString("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
  expect(html).toContain(`best validation ${bound} at epoch ${best!.epoch}`);
});

test("other data than those of the run are refused", async () => {
  await expect(writeReport(run, { data: "sprites" })).rejects.toThrow(DataError);
  await expect(writeReport(run, { data: "sprites" })).rejects.toThrow(/data: expected what .* was trained on/);
  expect(await writeReport(run, { data: await sprites({ examples: 60, validation: 20 }) })).toContain("report.html");
});

test.each<[object, string]>([
  [{ theads: 1 }, 'writeReport: theads: unknown key; did you mean "threads"?'],
  [{ threads: "2" }, 'writeReport: threads: expected an integer from 1 to 1024, got "2"'],
  [{ data: 3 }, "writeReport: data: expected a file, a folder"],
  [{ data: {} }, "data.train: expected a data set"],
])("options that are not its are refused: %j", async (options, message) => {
  const writing = writeReport(run, options);
  await expect(writing).rejects.toThrow(message);
});
