import { Worker } from "node:worker_threads";
import { RunError } from "../errors.ts";
import { sharedAlias } from "../runtime/alias.node.ts";
import { workerFile } from "../runtime/worker-file.node.ts";
import type { Helper, Helpers, HelperTask } from "./team.ts";

/** Helpers as worker threads; undefined where memory cannot be shared, or where their file is not there, as in a bundle. */
export async function threadHelpers(): Promise<Helpers | undefined> {
  const file = workerFile(import.meta.url, "train/helper-worker.node");
  const alias = await sharedAlias();
  return file && alias && { alias, start: (task) => start(file, task) };
}

function start(file: URL, task: HelperTask): Helper {
  const worker = new Worker(file, { workerData: task });
  const ended = new Promise<void>((resolve) => worker.once("exit", () => resolve()));
  const failed = new Promise<never>((_, reject) => {
    const fail = (problem: string, cause?: Error) =>
      reject(new RunError(`the training failed in a thread: ${problem}`, { cause }));
    worker.once("error", (error) => fail(error.message, error));
    worker.once("exit", (code) => fail(`it ended with exit code ${code}`));
  });
  failed.catch(() => {}); // an end that was asked for is none
  return { failed, ended };
}
