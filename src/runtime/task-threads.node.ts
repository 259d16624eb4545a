import { parentPort, Worker } from "node:worker_threads";

/* Threads that are sent tasks: `startTaskThread` is for the thread that has the work, `serveTasks` for the others. */

/** A thread that does tasks in the order in which it is sent them, and answers each. */
export interface TaskThread<Task, Answer> {
  /**
   * @param moved buffers of the task that go over to the thread, and are not copied
   * @throws what `failed` makes of the thread's end
   */
  perform(task: Task, moved?: readonly ArrayBuffer[]): Promise<Answer>;
  /** Whether it has ended, so that it performs nothing any more. */
  hasEnded(): boolean;
  /** Resolves when the thread has done what it was sent, and has ended. */
  end(): Promise<void>;
}

const end = "end";

/**
 * Starts a thread. It keeps the process alive while an answer is waited for, and no longer.
 * @param file calls `serveTasks`
 * @param data its `workerData`
 * @param failed the error that is told where the thread ended before it was to
 */
export function startTaskThread<Task, Answer>(
  file: URL,
  data: unknown,
  failed: (problem: string, cause?: Error) => Error,
): TaskThread<Task, Answer> {
  const worker = new Worker(file, { workerData: data, execArgv: [] }); // not how this program itself was started
  worker.unref();
  const ended = new Promise<void>((resolve) => worker.once("exit", () => resolve()));
  const waiting: { readonly resolve: (answer: Answer) => void; readonly reject: (error: Error) => void }[] = [];
  let failure: Error | undefined;
  let ending = false;
  const fail = (problem: string, cause?: Error) => {
    failure ??= failed(problem, cause);
    for (const { reject } of waiting.splice(0)) reject(failure);
  };
  worker.on("error", (error) => fail(error.message, error));
  worker.on("exit", (code) => fail(`it ended with exit code ${code}`));
  worker.on("message", (answer: Answer) => {
    waiting.shift()?.resolve(answer); // the news of an error may overtake an answer, for which nobody waits then
    if (waiting.length === 0 && !ending) worker.unref();
  });
  return {
    perform: (task, moved = []) =>
      new Promise((resolve, reject) => {
        if (failure) return reject(failure);
        worker.postMessage(task, moved); // which may throw: then nobody waits
        worker.ref();
        waiting.push({ resolve, reject });
      }),
    hasEnded: () => failure !== undefined,
    end() {
      // Not terminate(): a thread that is stopped within ONNX Runtime takes the process with it.
      ending = true;
      worker.ref();
      worker.postMessage(end);
      return ended;
    },
  };
}

export interface TaskServer<Task, Answer> {
  /** An error ends the thread, and is told to whoever waits for an answer. */
  answer(task: Task): Promise<Answer>;
  /** Buffers of an answer that go over to the other thread, and are not copied. Default: none. */
  moved?(answer: Answer): readonly ArrayBuffer[];
  /** Called once, at the end. */
  release(): Promise<void>;
}

/** Makes this thread, which `startTaskThread` has started, do what it is sent. */
export function serveTasks<Task, Answer>({ answer, moved, release }: TaskServer<Task, Answer>): void {
  let last: Promise<void> = Promise.resolve();
  parentPort!.on("message", (message: Task | typeof end) => {
    if (message === end) {
      // Nothing is released while it is in use. What failed before is not caught: the thread ends of it.
      last = last.finally(release).finally(() => parentPort!.close());
      return;
    }
    last = last.then(async () => {
      const result = await answer(message as Task);
      parentPort!.postMessage(result, moved?.(result) ?? []);
    });
  });
}
