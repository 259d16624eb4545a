import { spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTaskThread } from "./task-threads.node.ts";

let folder: string;
let file: URL;

/** Squares a number after a while, or fails of a text after a longer one; of an array it gives another one back, and moves it. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "vaekit-"));
  file = pathToFileURL(join(folder, "worker.mjs"));
  await writeFile(
    file,
    `import { workerData } from "node:worker_threads";
    import { serveTasks } from ${JSON.stringify(pathToFileURL(resolve("dist/runtime/task-threads.node.js")).href)};
    serveTasks({
      async answer(task) {
        if (typeof task === "string") {
          await new Promise((resolve) => setTimeout(resolve, 50));
          throw new Error(task);
        }
        if (typeof task === "object") return task.map((value) => value + 1);
        await new Promise((resolve) => setTimeout(resolve, 20 / task));
        return task * task;
      },
      moved: (answer) => (typeof answer === "object" ? [answer.buffer] : []),
      release: async () => void Atomics.store(new Int32Array(workerData), 0, 1),
    });`,
  );
});
afterAll(() => rm(folder, { recursive: true }));

function start() {
  const released = new SharedArrayBuffer(4);
  const failed = (problem: string, cause?: Error) => new Error(`no answer: ${problem}`, { cause });
  const thread = startTaskThread<unknown, unknown>(file, released, failed);
  return { thread, released: () => new Int32Array(released)[0] === 1 };
}

test("tasks are answered in their order, all of them before the end", async () => {
  const { thread, released } = start();
  const answered: unknown[] = [];
  const answers = [1, 2, 3].map((task) => thread.perform(task).then((answer) => answered.push(answer)));
  await thread.end();
  await Promise.all(answers);
  expect(answered).toEqual([1, 4, 9]);
  expect(released()).toBe(true);
  await expect(thread.perform(4)).rejects.toThrow("no answer: it ended with exit code 0");
});

test("buffers that are named go over", async () => {
  const { thread } = start();
  const numbers = Float32Array.of(1, 2);
  expect(await thread.perform(numbers, [numbers.buffer])).toEqual(Float32Array.of(2, 3));
  expect(numbers).toHaveLength(0);
  await thread.end();
});

test("who waits is told of what went wrong, and so is who comes later", async () => {
  const { thread } = start();
  expect(await thread.perform(1)).toBe(1);
  const answers = [2, "out of luck", 3].map((task) => thread.perform(task));
  await Promise.allSettled(answers);
  for (const answer of answers.slice(1)) await expect(answer).rejects.toThrow("no answer: out of luck");
  await expect(thread.perform(5)).rejects.toThrow("no answer: out of luck");
  await thread.end();
});

test("a failure that was on its way when the end was asked for is told with its cause", async () => {
  const { thread, released } = start();
  await thread.perform(3); // it is there
  const failing = thread.perform("out of luck");
  const ended = thread.end();
  await expect(failing).rejects.toThrow("no answer: out of luck");
  await ended;
  expect(released()).toBe(true);
  expect(thread.hasEnded()).toBe(true);
});

test("a task that cannot be sent fails alone, and keeps no process alive", async () => {
  const program = join(folder, "program.mjs");
  await writeFile(
    program,
    `import { startTaskThread } from ${JSON.stringify(pathToFileURL(resolve("dist/runtime/task-threads.node.js")).href)};
    const thread = startTaskThread(new URL(${JSON.stringify(file.href)}), new SharedArrayBuffer(4), Error);
    console.log(await thread.perform(3));
    await thread.perform(() => {}).catch((error) => console.log(error.name));
    console.log(thread.hasEnded());`,
  );
  const { stdout, status } = spawnSync(process.execPath, [program], { encoding: "utf8", timeout: 20_000 });
  expect(stdout).toBe("9\nDataCloneError\nfalse\n");
  expect(status).toBe(0);
});
