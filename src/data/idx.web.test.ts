import { gzipSync } from "node:zlib";
import { expect, test, vi } from "vitest";
import { DataError } from "../errors.ts";
import { readIdx } from "./idx.web.ts";

const idx = (shape: readonly number[], values: readonly number[]): Uint8Array<ArrayBuffer> =>
  Uint8Array.from([0, 0, 8, shape.length, ...shape.flatMap((size) => [0, 0, 0, size]), ...values]);
const images = idx([3, 2, 2], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
const labels = idx([3], [7, 8, 9]);
const file = (bytes: Uint8Array<ArrayBuffer>, name: string) => new File([bytes], name);
const packed = (bytes: Uint8Array) => new Uint8Array(gzipSync(bytes));

test.each([
  ["as it is", file(images, "digits"), file(labels, "digits' labels")],
  ["packed", file(packed(images), "digits"), file(packed(labels), "digits' labels")],
])("a file that was chosen gives its examples, %s", async (_how, chosen, classes) => {
  expect(await readIdx(chosen, classes)).toEqual({
    name: "digits",
    split: "all",
    event: [2, 2],
    count: 3,
    values: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12),
    index: Uint32Array.of(0, 1, 2),
    labels: Uint8Array.of(7, 8, 9),
  });
  expect((await readIdx(chosen)).labels).toBeUndefined();
});

test("what is no file of images, or does not go together, is refused with the file's name", async () => {
  const refused = async (chosen: File, classes?: File) => {
    const error = await readIdx(chosen, classes).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(DataError);
    return (error as Error).message;
  };
  expect(await refused(file(Uint8Array.of(0x89, 0x50, 0x4e, 0x47), "a.png"))).toMatch(
    /^a\.png: expected an IDX file, got a PNG image/,
  );
  expect(await refused(file(labels, "labels"))).toContain("labels: holds 3 single numbers, such as labels");
  expect(await refused(file(images, "x"), file(idx([2], [1, 2]), "y"))).toContain("y: holds 2 labels, but x holds 3");
  expect(await refused(file(images.slice(0, 20), "short"))).toContain("short: ");
  const whole = packed(
    idx(
      [3, 40, 40],
      Array.from({ length: 4800 }, (_, i) => (i * i) % 251),
    ),
  );
  expect(await refused(file(whole.slice(0, whole.length / 2), "cut.gz"))).toMatch(
    /^cut\.gz: damaged: its gzip .+ download or copy it again\. Or it has several gzip members, or bytes after its end: unpack it first$/,
  );
  const broken = whole.slice();
  broken[200]! ^= 255;
  expect(await refused(file(broken, "broken.gz"))).toContain("broken.gz");
});

/** Gives its first bytes, and then no more: as where it was moved or changed in between. */
class Unreadable extends File {
  readonly #given: number;
  constructor(bytes: Uint8Array<ArrayBuffer>, name: string, given: number) {
    super([bytes], name);
    this.#given = given;
  }
  readonly #error = () => new DOMException("The file could not be found", "NotFoundError");
  override slice(start: number, end: number): Blob {
    return end <= this.#given ? super.slice(start, end) : Object.assign(new Blob(), { arrayBuffer: this.arrayBuffer });
  }
  override arrayBuffer = () => Promise.reject(this.#error());
  override stream() {
    const error = this.#error();
    return new ReadableStream<Uint8Array<ArrayBuffer>>({ start: (controller) => controller.error(error) });
  }
}

test.each([
  ["packed", packed(images), 2],
  ["as it is", images, 2],
  ["from its first byte on", images, 0],
])("a file that cannot be read is said to be that, %s", async (_how, bytes, given) => {
  const error = await readIdx(new Unreadable(bytes, "gone", given)).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(DataError);
  expect((error as Error).message).toBe("gone: cannot be read: The file could not be found; choose or fetch it again");
});

test("once a packed file is refused, the rest of it is let go of", async () => {
  const bytes = packed(Uint8Array.from({ length: 200_000 }, (_, i) => i ** 3 % 65_521)); // no IDX
  const cancel = vi.fn();
  const endless = new ReadableStream<Uint8Array<ArrayBuffer>>({
    start: (controller) => controller.enqueue(bytes.slice(0, -9)),
    cancel,
  });
  const chosen = Object.assign(file(bytes, "endless"), { stream: () => endless });
  await expect(readIdx(chosen)).rejects.toThrow(DataError);
  await vi.waitFor(() => expect(cancel).toHaveBeenCalled());
});
