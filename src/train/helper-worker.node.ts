import { parentPort, workerData } from "node:worker_threads";
import { sharedAlias } from "../runtime/alias.node.ts";
import { attachKernels } from "../runtime/kernels.ts";
import { cpuBackend } from "../runtime/ort.node.ts";
import { createMember } from "./member.ts";
import { type HelperTask, help } from "./team.ts";

/* What a worker of helper.node.ts runs. */

const task = workerData as HelperTask;
const kernels = attachKernels(task.memory, (await sharedAlias())!, task.plan.scratch[task.index]!);
const member = await createMember(await cpuBackend(task.plan.threads), kernels, task.plan, task.index);
parentPort!.postMessage("ready");
try {
  await help(member, task);
} finally {
  await member.release();
}
