import { RunError, UsageError } from "../errors.ts";
import type { Storage } from "../storage/storage.ts";

/** Whether the run is new. An existing one is only gone on with when asked to. */
export async function isFresh(storage: Storage, resume: boolean): Promise<boolean> {
  const { location: run } = storage;
  const names = (await storage.list("")).filter((name) => !name.startsWith("."));
  if (names.length === 0) return true; // also when one stopped before it wrote its config: nothing is lost
  if (!resume)
    throw new UsageError(`--out: ${run} exists and is not empty; go on with --resume, or choose another directory`);
  if (names.includes("config.json")) return false;
  throw new RunError(
    `${run}: holds no run that could be resumed (config.json is missing); name the directory given to --out before`,
  );
}
