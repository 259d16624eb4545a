import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runCli } from "./run-cli.ts";

// `vaekit sample --prior` as a user runs it, over a tiny model that is trained here.

const folder = mkdtempSync(join(tmpdir(), "vaekit-sampler-"));
afterAll(() => rmSync(folder, { recursive: true }));

const [side, size] = [4, 16];
/** Images of two kinds, bright above or below. */
function writeImages(file: string, count: number): void {
  const header = new DataView(new ArrayBuffer(16));
  for (const [i, value] of [0x00000803, count, side, side].entries()) header.setUint32(4 * i, value);
  const pixels = Uint8Array.from({ length: count * size }, (_, at) => {
    const [image, pixel] = [Math.floor(at / size), at % size];
    const bright = pixel < size / 2 === (image % 2 === 0);
    return bright ? 200 + ((image * 7 + pixel) % 50) : (image * 5 + pixel) % 30;
  });
  writeFileSync(join(folder, file), Buffer.concat([new Uint8Array(header.buffer), pixels]));
}

const tiny = ["model.latent=2", "model.encoder.hidden=[16]", "train.batchSize=50", "data.binarization=none"];
const vaekit = (...args: string[]) => runCli(args, { cwd: folder });
const train = (...args: string[]) => vaekit("train", "data.idx", "--out", "run", ...args);

let own: Awaited<ReturnType<typeof sampled>>;

beforeAll(async () => {
  writeImages("data.idx", 200);
  const { code, stderr } = await train("--epochs", "2", "--set", ...tiny);
  expect(code, stderr).toBe(0);
  own = await sampled();
  expect(own).toMatchObject({ prior: "model", fitted: undefined, stderr: "" });
});

/** Samples with --json; what was fitted, and what was said meanwhile. */
async function sampled(...args: string[]) {
  const { code, stdout, stderr } = await vaekit("sample", "run", "-n", "4", "--json", ...args);
  expect(code, stderr).toBe(0);
  const { fitted, ...result } = JSON.parse(stdout) as { fitted?: Record<string, number | string>; prior: string };
  return { fitted, stderr, prior: result.prior, picture: readFileSync(join(folder, "run", "samples.png")) };
}

const stored = (kind: string) => join(folder, "run", "model", "samplers", `${kind}.safetensors`);

test.each([
  ["mixture", ["--components", "3"], { components: 3 }],
  ["flow", ["--steps", "20"], { steps: 20, components: 10 }],
])("--prior %s fits once, says so, and draws the same from what it stored", async (kind, options, as) => {
  const first = await sampled("--prior", kind, ...options);
  expect(first.fitted).toMatchObject({ kind, file: join("run", "model", "samplers", `${kind}.safetensors`), ...as });
  expect(first.stderr).toBe(
    `Fitting the sampler "${kind}" to a draw of q(z|x) for each training example; it is stored.\n`,
  );
  expect(first.picture).not.toEqual(own.picture);
  const written = statSync(stored(kind)).mtimeMs;
  expect(await sampled("--prior", kind)).toEqual({ ...first, fitted: undefined, stderr: "" });
  expect(statSync(stored(kind)).mtimeMs).toBe(written);
  expect(await sampled("--prior", kind, ...options, "--refit")).toEqual(first);
});

test("other options and other weights fit anew, other data are refused", async () => {
  await sampled("--prior", "mixture", "--components", "3", "--refit");
  expect((await sampled("--prior", "mixture", "--components", "2")).fitted).toMatchObject({ components: 2 });
  expect((await sampled("--prior", "mixture", "--data", "data.idx")).fitted).toBeUndefined(); // those it was fitted to
  writeImages("other.idx", 120);
  const other = await vaekit("sample", "run", "--prior", "mixture", "--data", "other.idx");
  expect([other.code, other.stderr]).toEqual([1, expect.stringMatching(/is not what the run was trained on/)]);
  const { code, stderr } = await train("--resume", "--epochs", "4");
  expect(code, stderr).toBe(0);
  expect((await sampled("--prior", "mixture", "--components", "2")).fitted).toMatchObject({ examples: 160 });
});

test("without --json a line tells what was fitted", async () => {
  const { stdout } = await vaekit("sample", "run", "--prior", "mixture", "--components", "2", "--refit");
  expect(stdout).toMatch(
    /^Sampler "mixture", fitted to 160 draws: −log q\(z\) -?[\d.]+ nats on validation data, −log p\(z\) [\d.]+\. run.*mixture\.safetensors\n64 samples: /,
  );
});

test("a sampler is exported as prior.onnx", async () => {
  await sampled("--prior", "mixture");
  const { code, stderr } = await vaekit("export", "run", "--out", "onnx", "--prior", "mixture");
  expect(code, stderr).toBe(0);
  const prior = readFileSync(join(folder, "onnx", "prior.onnx"), "latin1");
  for (const mark of ["vaekit.sampler", '"shape":{"kind":"mixture"', 'the sampler "mixture"'])
    expect(prior).toContain(mark);
  await vaekit("export", "run", "--out", "onnx"); // its own prior is the standard normal
  expect(existsSync(join(folder, "onnx", "prior.onnx"))).toBe(false);
});

test.each([
  [["--prior", "normal"], 2, /--prior <name>' argument 'normal' is invalid\. Allowed choices are model, mixture, flow/],
  [["--components", "5"], 2, /--components: goes with --prior mixture or flow, got --prior model; leave it out/],
  [["--refit"], 2, /--refit: goes with --prior mixture or flow/],
  [["--prior", "mixture", "--steps", "5"], 2, /--steps: goes with --prior flow, got --prior mixture/],
  [["--prior", "flow", "--steps", "0"], 2, /--steps: expected a positive integer, got "0"/],
  [
    ["--prior", "mixture", "--components", "100"],
    1,
    /needs 300 training examples, got 160; take 53 components at most/,
  ],
  [["--prior", "mixture", "--each", "label"], 2, /--each: the model is not conditional, and takes no conditions/],
  [["--prior", "mixture", "--given", "label=1"], 2, /--given: the model is not conditional/],
  [["--prior", "flow", "--refit", "--data", "gone.idx"], 1, /gone\.idx: no such file/],
])("vaekit sample %j is refused with the mend", async (args, expected, message) => {
  const { code, stdout, stderr } = await vaekit("sample", "run", ...args);
  expect(stderr).toMatch(message);
  expect([code, stdout]).toEqual([expected, ""]);
});

test("where the run's data have moved, it says how to name them", async () => {
  renameSync(join(folder, "data.idx"), join(folder, "moved.idx"));
  const { code, stderr } = await vaekit("sample", "run", "--prior", "mixture", "--refit", "--components", "2");
  expect([code, stderr]).toEqual([1, expect.stringMatching(/data\.idx: no such file.*--data/s)]);
  const { fitted } = await sampled("--prior", "mixture", "--refit", "--components", "2", "--data", "moved.idx");
  expect(fitted).toMatchObject({ examples: 160 });
});
