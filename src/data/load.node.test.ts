import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, expect, test } from "vitest";
import { sharedData, testWithData } from "../../test/shared-data.ts";
import { DataError } from "../errors.ts";
import { loadSplits } from "./load.node.ts";

let folder = "";

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "vaekit-data-"));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

function idx(shape: readonly number[], values?: Uint8Array): Buffer {
  const header = Buffer.alloc(4 + 4 * shape.length);
  header.set([0, 0, 8, shape.length]);
  for (const [i, size] of shape.entries()) header.writeUInt32BE(size, 4 + 4 * i);
  const counted = () => Buffer.from(Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => i));
  return Buffer.concat([header, values ?? counted()]);
}

/** Puts files into the folder; returns the path of the first. */
async function put(files: Readonly<Record<string, Uint8Array | string>>): Promise<string> {
  for (const [name, bytes] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), bytes);
  }
  return join(folder, Object.keys(files)[0]!);
}

const four = {
  "train-images-idx3-ubyte": idx([20, 2, 3]),
  "train-labels-idx1-ubyte": idx([20]),
  "t10k-images-idx3-ubyte": idx([5, 2, 3]),
  "t10k-labels-idx1-ubyte": idx([5]),
};

test("a folder with MNIST's four files, packed or not, by either form of the names", async () => {
  await put(four);
  const plain = await loadSplits(folder, { validation: 4 });
  await rm(folder, { recursive: true });
  await put(
    Object.fromEntries(
      Object.entries(four).map(([name, bytes]) => [`${name.replace("-idx", ".idx")}.gz`, gzipSync(bytes)]),
    ),
  );
  const packed = await loadSplits(folder, { validation: 4 });
  expect(packed).toEqual(plain);
  const { train, validation, test: testing } = plain;
  expect([train.count, validation.count, testing.count]).toEqual([16, 4, 5]);
  expect(train.event).toEqual([2, 3]);
  expect([...validation.values.subarray(0, 6)]).toEqual([96, 97, 98, 99, 100, 101]);
  expect([...validation.labels!]).toEqual([16, 17, 18, 19]);
  expect([...validation.index]).toEqual([16, 17, 18, 19]);
  expect([...testing.labels!]).toEqual([0, 1, 2, 3, 4]);
});

test("a single file of images, named or alone in its folder, with and without labels", async () => {
  const file = await put({ "faces-images-idx3-ubyte.gz": gzipSync(idx([20, 2, 3])) });
  const bare = await loadSplits(file, {});
  expect(bare.train).toMatchObject({ name: "faces", count: 16, event: [2, 3] });
  expect(bare.train.labels).toBeUndefined();
  expect(await loadSplits(folder, {})).toEqual(bare);
  await put({ "faces-labels-idx1-ubyte": idx([20]) });
  const labelled = await loadSplits(file, {});
  expect([...labelled.train.labels!]).toEqual([...labelled.train.index]);
  const other = await put({ "other.bin": idx([10, 2]) });
  expect((await loadSplits(other, {})).test).toMatchObject({ name: "other.bin", event: [2], count: 1 });
});

test("sprites need no file", async () => {
  expect((await loadSplits("sprites", { examples: 10 })).train).toMatchObject({ count: 8, event: [64, 64] });
});

async function expectRefused(source: string, ...parts: readonly string[]): Promise<void> {
  const refused = loadSplits(source, {});
  await expect(refused).rejects.toBeInstanceOf(DataError);
  for (const part of parts) await expect(refused).rejects.toThrow(part);
}

test("a missing file is named with what is there instead", async () => {
  await put({ "digits.gz": "", "letters.gz": "", ".hidden": "" });
  await expectRefused(
    join(folder, "digit.gz"),
    `${join(folder, "digit.gz")}: no such file or folder; ${folder} holds: digits.gz, letters.gz;`,
  );
  await expectRefused(join(folder, "no", "digit.gz"), `nor is there a folder ${join(folder, "no")}`);
  await expectRefused(join(folder, "digits.gz", "x"), "no such file or folder");
  await rm(folder, { recursive: true });
  await mkdir(folder);
  await expectRefused(join(folder, "a"), `${folder} is empty`);
});

test("a gzip cut short, damaged, of something else, or promising what it does not hold", async () => {
  const packed = gzipSync(idx([200, 28, 28], Buffer.from(Array.from({ length: 156_800 }, (_, i) => (i * i) >> 4))));
  const refused = async (bytes: Uint8Array, ...parts: readonly string[]) => {
    const file = await put({ "x-images-idx3-ubyte.gz": bytes });
    await expectRefused(file, file, ...parts);
  };
  for (const length of [2, 9, 15, 60, packed.length >> 1, packed.length - 8, packed.length - 1]) {
    await refused(packed.subarray(0, length), "cut short: its gzip ends before its end; download or copy it again");
  }
  const flipped = Buffer.from(packed);
  flipped[flipped.length - 6]! ^= 1;
  await refused(flipped, "damaged: its gzip checksum does not fit its content");
  const garbled = Buffer.from(packed).fill(0xff, 12, 60);
  await refused(garbled, "damaged: its gzip cannot be unpacked");
  await refused(gzipSync("a,b\n1,2\n"), '(unpacked): expected an IDX file, got text ("a,b"...)');
  await refused(gzipSync(packed), "(unpacked): expected an IDX file, got gzip");
  await refused(gzipSync(""), "(unpacked): the file is empty");
  await refused(
    gzipSync(idx([1, 2, 2], new Uint8Array(3))),
    "(unpacked): cut short",
    "1 x 2 x 2 = 4 bytes",
    "holds 3;",
  );
  await refused(gzipSync(idx([1, 2, 2], new Uint8Array(5))), "(unpacked): holds too much", "= 4 bytes", "holds 5;");
  await refused(gzipSync(idx([2 ** 31, 28, 28], new Uint8Array(5))), "2147483648 x 28 x 28", "holds 5;");
  await refused(gzipSync(idx([0, 2, 2], new Uint8Array())), "(unpacked): holds no examples");
});

test("what blows up when unpacked is not kept in memory", async () => {
  const bomb = gzipSync(Buffer.concat([idx([4, 2, 2]), Buffer.alloc(2 ** 27)]));
  expect(bomb.length).toBeLessThan(2 ** 18);
  const file = await put({ "x-images-idx3-ubyte.gz": bomb });
  const before = process.memoryUsage().arrayBuffers;
  await expectRefused(file, "holds too much", "4 x 2 x 2 = 16 bytes", "holds more than ");
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 25);
});

test("images and labels that do not belong together", async () => {
  const images = await put({ "x-images-idx3-ubyte": idx([20, 2, 3]), "x-labels-idx1-ubyte": idx([19]) });
  const labels = join(folder, "x-labels-idx1-ubyte");
  await expectRefused(images, `${labels}: holds 19 labels, but ${images} holds 20 images; they must be as many`);
  await expectRefused(labels, `${labels}: holds 19 single numbers, such as labels, where images were expected`);
  await put({ "x-labels-idx1-ubyte": idx([20, 1]) });
  await expectRefused(images, `${labels}: expected one label for each image, got shape 20 x 1`);
});

test("folders that cannot be understood", async () => {
  await put({ "a.csv": "1,2", "b.png": "" });
  await expectRefused(folder, `${folder}: holds no IDX file of images; found: a.csv, b.png; this version reads`);
  await put(four);
  await rm(join(folder, "t10k-labels-idx1-ubyte"));
  await expectRefused(folder, "there are labels for train-images-idx3-ubyte but none for t10k-images-idx3-ubyte");
  await put({ "t10k-images-idx3-ubyte": idx([5, 3, 2]), "t10k-labels-idx1-ubyte": idx([5]) });
  await expectRefused(
    folder,
    "t10k-images-idx3-ubyte: its images are 3 x 2, those of train-images-idx3-ubyte are 2 x 3",
  );
  await rm(join(folder, "t10k-images-idx3-ubyte"));
  await expectRefused(
    folder,
    "holds train-images-idx3-ubyte but no t10k-images-idx3-ubyte[.gz]; add it, or name the file",
  );
  await put({ "x-images-idx3-ubyte": idx([5, 3, 2]) });
  await expectRefused(
    folder,
    "holds several files of images, name one of them: train-images-idx3-ubyte, x-images-idx3",
  );
  await rm(folder, { recursive: true });
  await mkdir(folder);
  await expectRefused(folder, `${folder}: the folder is empty; this version reads`);
});

test.skipIf(process.platform === "win32")("pipes and devices are refused, not waited for", async () => {
  const pipe = join(folder, "x-images-idx3-ubyte");
  execFileSync("mkfifo", [pipe]);
  await expectRefused(pipe, `${pipe}: is a pipe, where a regular file was expected; write its content to a file`);
  await expectRefused(folder, `${pipe}: is a pipe`);
  await expectRefused("/dev/zero", "/dev/zero: is a device, where a regular file was expected");
  const images = await put({ "y-images-idx3-ubyte": idx([20, 2, 3]) });
  execFileSync("mkfifo", [join(folder, "y-labels-idx1-ubyte")]);
  await expectRefused(images, "y-labels-idx1-ubyte: is a pipe");
});

test("no name at all", async () => {
  await expectRefused("", 'data: expected a file, a folder or "sprites", got ""');
});

test("loading ends when it is aborted", async () => {
  const file = await put({ "x-images-idx3-ubyte": idx([20, 2, 3]) });
  const reason = new Error("stopped");
  await expect(loadSplits(file, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
});

test("too few examples", async () => {
  await expectRefused(await put({ "x-images-idx3-ubyte": idx([2, 2, 2]) }), "x: holds 2 of the 3 examples");
});

test.each(["tabular/titanic.csv", "cifar10/cifar10_batch_00.png", "adbench/29_Pima.npz"])(
  "%s is not read",
  async (name) => {
    const file = sharedData(name);
    if (file) await expectRefused(file, "expected an IDX file, got ", "this version reads IDX files of unsigned bytes");
  },
);

testWithData("MNIST as it is published", "mnist", async (path) => {
  const { train, validation, test: testing } = await loadSplits(path, {});
  expect([train, validation, testing].map(({ name, count, event }) => [name, count, ...event])).toEqual([
    ["mnist", 55_000, 28, 28],
    ["mnist", 5_000, 28, 28],
    ["mnist", 10_000, 28, 28],
  ]);
  expect([...train.labels!.subarray(0, 10)]).toEqual([5, 0, 4, 1, 9, 2, 1, 3, 1, 4]);
  expect([...testing.labels!.subarray(0, 10)]).toEqual([7, 2, 1, 0, 4, 1, 4, 9, 5, 9]);
  const mean = (values: Uint8Array) => values.reduce((sum, value) => sum + value, 0) / values.length / 255;
  expect((mean(train.values as Uint8Array) * 55 + mean(validation.values as Uint8Array) * 5) / 60).toBeCloseTo(
    0.1307,
    4,
  );
  expect(train.values.buffer).toBe(validation.values.buffer);
});

testWithData("Frey faces, one file", "frey", async (path) => {
  const { train, test: testing } = await loadSplits(path, { validation: 200, test: 200 });
  expect([train.name, train.count, testing.count]).toEqual(["freyfaces", 1565, 200]);
  expect(train.event).toEqual([28, 20]);
});

testWithData("a real file cut short at any place is refused", "mnist/t10k-images-idx3-ubyte.gz", async (path) => {
  const bytes = await readFile(path);
  for (const share of [0.001, 0.5, 0.999]) {
    const file = await put({ "t-images-idx3-ubyte.gz": bytes.subarray(0, Math.floor(bytes.length * share)) });
    await expectRefused(file, "cut short");
  }
});
