import { Worker } from "node:worker_threads";
import { RunError } from "../errors.ts";
import { sharedAlias } from "../runtime/alias.node.ts";
import { workerFile } from "../runtime/worker-file.node.ts";
import { assemble, type Helper, type Helpers, type HelperTask } from "./team.ts";

/** Helpers as worker threads; undefined where memory cannot be shared, or where their file is not there, as in a bundle. */
export async function threadHelpers(): Promise<Helpers | undefined> {
  const file = workerFile(import.meta.url, "train/helper-worker.node");
  const alias = await sharedAlias();
  return file && alias && { alias, start: (task) => start(file, task), assemble };
}

function start(file: URL, task: HelperTask): Helper {
  const worker = new Worker(file, { workerData: task, execArgv: [] }); // not how this program itself was started
  let failure: RunError | undefined;
  const ended = new Promise<void>((resolve) => worker.once("exit", () => resolve()));
  const ready = new Promise<void>((resolve, reject) => {
    const fail = (problem: string, cause?: Error) => {
      failure ??= new RunError(
        `the training failed in a thread: ${problem}; with --threads 1 it needs no other thread`,
        { cause },
      );
      reject(failure);
    };
    worker.once("message", () => {
      worker.unref(); // a program that is not released does not keep the process alive
      resolve();
    });
    worker.once("error", (error) => fail(error.message, error));
    worker.once("exit", (code) => fail(`it ended with exit code ${code}`));
  });
  ready.catch(() => {}); // it is told where it is waited for
  return {
    ready,
    failure: () => failure,
    ended() {
      worker.ref();
      return ended;
    },
  };
}
