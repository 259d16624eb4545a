import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test, vi } from "vitest";
import { RunError } from "../errors.ts";
import { writeOutput } from "./output.node.ts";

const full = vi.hoisted(() => ({ disk: false }));
vi.mock("node:fs/promises", async (original) => {
  const real = await original<typeof import("node:fs/promises")>();
  return {
    ...real,
    /** On a full disk a file is made, and its first bytes still fit. */
    open: async (...args: Parameters<typeof real.open>) => {
      const handle = await real.open(...args);
      if (full.disk) {
        handle.writeFile = async (bytes) => {
          await handle.write((bytes as Uint8Array).subarray(0, 3));
          throw Object.assign(new Error("ENOSPC: no space left on device, write"), {
            code: "ENOSPC",
            syscall: "write",
          });
        };
      }
      return handle;
    },
  };
});

const folder = mkdtempSync(join(tmpdir(), "vaekit-output-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("on a full disk the earlier file stays, and nothing beside it", async () => {
  const place = join(folder, "full");
  mkdirSync(place);
  const file = join(place, "samples.png");
  await writeOutput(file, "the earlier picture");
  full.disk = true;
  const writing = writeOutput(file, "the new picture");
  await expect(writing).rejects.toThrow(RunError);
  await expect(writing).rejects.toThrow(`${file}: cannot be written: no space left on device`);
  full.disk = false;
  expect(readFileSync(file, "utf8")).toBe("the earlier picture");
  expect(readdirSync(place)).toEqual(["samples.png"]);
});

test("a link stays a link, and its file is replaced", async () => {
  const [file, link] = [join(folder, "file.npy"), join(folder, "link.npy")];
  writeFileSync(file, "before");
  symlinkSync("file.npy", link);
  await writeOutput(link, "after");
  expect(readlinkSync(link)).toBe("file.npy");
  expect(readFileSync(file, "utf8")).toBe("after");
});
