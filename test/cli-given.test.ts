import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type CliResult, runCli } from "./run-cli.ts";

// A conditional model on the command line, as a user runs it.

const folder = mkdtempSync(join(tmpdir(), "vaekit-given-"));
afterAll(() => rmSync(folder, { recursive: true }));
const run = (...args: string[]): Promise<CliResult> => runCli(args, { cwd: folder });

const tiny = ["data.examples=300", "model.latent=3", "model.encoder.hidden=[16]", "train.batchSize=50"];
const on = 'model.condition={"on":["label",{"name":"posX","as":"number"}],"prior":true}';

beforeAll(async () => {
  for (const [out, more] of [
    ["given", [on]],
    ["free", []],
  ] as const) {
    const { code, stderr } = await run("train", "sprites", "--out", out, "--steps", "10", "--set", ...tiny, ...more);
    expect(code, stderr).toBe(0);
  }
});

function pngSize(file: string): [number, number] {
  const bytes = readFileSync(join(folder, file));
  return [bytes.readUInt32BE(16), bytes.readUInt32BE(20)];
}

test("--each makes a row of images for each class, --given one of them", async () => {
  const grid = await run("sample", "given", "--each", "label", "--given", "posX=0.5", "--out", "grid.png");
  expect(grid).toMatchObject({ code: 0, stdout: "30 samples: grid.png\n" });
  expect(pngSize("grid.png")).toEqual([2 + 10 * 66, 2 + 3 * 66]);
  const one = ["sample", "given", "--given", "label=2", "--given", "posX=0.5", "-n", "4", "--json"];
  const { stdout } = await run(...one, "--out", "one.png");
  expect(JSON.parse(stdout)).toMatchObject({ count: 4, given: { label: 2, posX: 0.5 }, file: "one.png" });
});

test.each([
  [
    ["sample", "given"],
    "--given: the model is conditional, and needs a value of label (a class, 0 to 2), posX (a number, ",
  ],
  [
    ["sample", "given", "--given", "label=11", "--given", "posX=0"],
    "--given: label: expected one of the classes that the model was trained with, 0 to 2, got 11",
  ],
  [
    ["sample", "given", "--given", "foo=1"],
    '--given: the model has no condition "foo"; it has: label (a class, 0 to 2), posX (a number, ',
  ],
  [["sample", "given", "--given", "label"], '--given: expected NAME=VALUE with a number, such as label=7, got "label"'],
  [
    ["sample", "given", "--given", "label=1", "--each", "label"],
    "--each label: is given a value as well, --given label=1; leave one of them out",
  ],
  [["sample", "given", "--prior", "mixture"], "this model is conditional"],
  [
    ["sample", "free", "--given", "label=1"],
    "--given: the model is not conditional, and takes no conditions; leave it out",
  ],
  [
    ["traverse", "given"],
    "--given: the model is conditional, and needs a value of label (a class, 0 to 2), posX (a number, ",
  ],
])("%j is refused", async (args, problem) => {
  const { code, stderr } = await run(...args);
  expect(stderr).toContain(problem);
  expect(code).toBe(2);
});

test.each([
  [["reconstruct", "given", "-n", "4"]],
  [["interpolate", "given", "--steps", "3"]],
  [["traverse", "given", "--steps", "2", "--example", "1"]],
  [["traverse", "given", "--steps", "2", "--given", "label=1", "--given", "posX=1"]],
  [["encode", "given", "sprites", "--out", "codes.csv"]],
  [["export", "given", "--out", "onnx"]],
])("%j takes conditions from the data, or as they are given", async (args) => {
  const { code, stderr } = await run(...args);
  expect(code, stderr).toBe(0);
});

test("figures and pages say what a model is conditional on", async () => {
  expect((await run("report", "given")).code).toBe(0);
  const { stdout } = await run("evaluate", "given", "--examples", "10", "--samples", "5");
  expect(stdout).toMatch(/^sprites, test: 10 examples, binarization dynamic, all given label, posX$/m);
  expect((await run("inspect", "given")).stdout).toContain(
    "conditional on label (3 classes), posX (a number): encoder, decoder, prior",
  );
  expect(readFileSync(join(folder, "given", "report.html"), "utf8")).toContain("conditional on label, posX");
});

test("numbers of a CSV file are found beside the images, wherever the command is given", async () => {
  const count = 60;
  const pixels = Array.from({ length: 4 * count }, (_, i) => (i * 37) % 256);
  writeFileSync(
    join(folder, "x-images-idx3-ubyte"),
    Uint8Array.of(0, 0, 8, 3, 0, 0, 0, count, 0, 0, 0, 2, 0, 0, 0, 2, ...pixels),
  );
  const ages = (rows: number) => `age\n${Array.from({ length: rows }, (_, i) => i % 9).join("\n")}\n`;
  writeFileSync(join(folder, "ages.csv"), ages(count - 1));
  const train = (out: string) =>
    run(
      "train",
      "x-images-idx3-ubyte",
      "--out",
      out,
      "--steps",
      "3",
      "--set",
      "data.conditions=ages.csv",
      'model.condition.on=["age"]',
    );
  const short = await train("short");
  expect(short.code).toBe(1);
  expect(short.stderr).toContain("ages.csv: holds 59 rows below its header, and there are 60 examples");
  writeFileSync(join(folder, "ages.csv"), ages(count));
  expect((await train("aged")).code).toBe(0);
  const { code, stderr } = await runCli(["evaluate", join(folder, "aged"), "--examples", "3"], { cwd: tmpdir() });
  expect(code, stderr).toBe(0);
});
