import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Keeps what is to be closed in the end. Gives what it was given. */
export type Keep = <Resource>(resource: Resource, close: (resource: Resource) => Promise<unknown>) => Resource;

/** Does some work, and closes what it kept however that ends, the latest first. */
export async function closing<Result>(work: (keep: Keep) => Promise<Result>): Promise<Result> {
  const closes: (() => Promise<unknown>)[] = [];
  try {
    return await work((resource, close) => {
      closes.push(() => close(resource));
      return resource;
    });
  } finally {
    for (const close of closes.toReversed()) await close();
  }
}

/** A folder for what is written meanwhile. */
export async function temporaryFolder(keep: Keep): Promise<string> {
  return keep(await mkdtemp(join(tmpdir(), "vaekit-bench-")), (folder) => rm(folder, { recursive: true }));
}
