import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { splitShuffled } from "../data/split.ts";
import { type ProgressEvent, type TrainOptions, train } from "./train.node.ts";

const folder = mkdtempSync(join(tmpdir(), "vaekit-notes-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Random pictures of this shape. */
function pictures(event: readonly number[]) {
  const [count, size] = [20, event.reduce((product, dim) => product * dim, 1)];
  return splitShuffled({
    name: "pictures",
    split: "all",
    event,
    count,
    values: Uint8Array.from({ length: count * size }, (_, i) => (i * 89) % 256),
    index: Uint32Array.from({ length: count }, (_, i) => i),
  });
}

/** What a training says until it begins. */
async function beginning(options: Partial<TrainOptions> & Pick<TrainOptions, "data" | "out">): Promise<string[]> {
  const said: string[] = [];
  const onProgress = (event: ProgressEvent) => {
    if (event.kind === "note") said.push(event.text);
    if (event.kind === "start") said.push("start");
  };
  const model = { latent: 1, encoder: { hidden: [2] } };
  await train({ config: { model }, epochs: 1, threads: 1, ...options, onProgress });
  return said;
}

test("a run that is to be resumed and has no checkpoint says that it begins anew", async () => {
  const data = await pictures([2, 2]);
  const out = join(folder, "run");
  mkdirSync(out);
  const anew = `${out}: has no checkpoint to resume from: training begins anew.`;
  expect(await beginning({ data, out, resume: true })).toEqual([anew, "start"]); // an empty directory
  expect(await beginning({ data, out, resume: true, epochs: 2 })).toEqual(["start"]);
  for (const part of ["checkpoints", "model"]) rmSync(join(out, part), { recursive: true }); // as a run killed early is
  expect(await beginning({ data, out, resume: true, epochs: 2 })).toEqual([anew, "start"]);
  expect(await beginning({ data, out: join(folder, "new") })).toEqual(["start"]);
});

test("pictures in colour with a Bernoulli likelihood get a word of advice", async () => {
  const data = await pictures([2, 2, 3]);
  const said = await beginning({ data, out: join(folder, "colour") });
  expect(said).toEqual([
    expect.stringMatching(/black and white pixels.* --set model\.likelihood\.kind=normal /),
    "start",
  ]);
  const advised = ["model.likelihood.kind=normal", "model.likelihood.variance=global"];
  expect(said[0]).toContain(`--set ${advised.join(" ")} `);
  expect(await beginning({ data, out: join(folder, "normal"), set: advised })).toEqual(["start"]);
  const grey = await pictures([2, 2, 1]);
  expect(await beginning({ data: grey, out: join(folder, "grey") })).toEqual(["start"]);
});
