import { cpuBackend } from "../runtime/ort.node.ts";
import { serveTasks } from "../runtime/task-threads.node.ts";
import { buffersOf, type Piece, type RowTask } from "./row-pool.node.ts";
import { openRows, type RowRunner } from "./rows.ts";

/* What a thread of row-pool.node.ts runs: it opens networks, and computes rows with them. */

const backend = await cpuBackend(1);
const opened = new Map<number, RowRunner>();

serveTasks<RowTask, Piece | undefined>({
  async answer(task) {
    if ("network" in task) {
      const { model, ...network } = task.network;
      const bytes = model.bytes.slice(); // of its own: ONNX Runtime refuses memory that is shared
      opened.set(task.id, await openRows(backend, { ...network, model: { ...model, bytes } }));
      return undefined;
    }
    const { values, rows, into } = task.piece;
    await opened.get(task.id)!.apply(values, rows, into);
    return task.piece;
  },
  moved: (piece) => (piece ? buffersOf(piece) : []),
  async release() {
    for (const runner of opened.values()) await runner.release();
  },
});
