import { appendFile, readFile } from "node:fs/promises";
import { constants } from "node:os";
import { join } from "node:path";
import type { ProgressEvent } from "../../src/train/options.ts";

const FILE = "sessions.jsonl";

/** Notes in the run at which commit this session trains it. */
export async function noteSession(run: string, commit: string): Promise<void> {
  await appendFile(join(run, FILE), `${JSON.stringify({ commit, started: new Date().toISOString() })}\n`);
}

/** The commit of a result: where it is measured and, where those are others, also where its runs were trained. */
export async function commitOf(runs: readonly string[], measuredAt: string): Promise<string> {
  const sessions = await Promise.all(runs.map((run) => readFile(join(run, FILE), "utf8")));
  const lines = sessions.flatMap((text) => text.trim().split("\n"));
  const trainedAt = [...new Set(lines.map((line) => (JSON.parse(line) as { commit: string }).commit))];
  if (trainedAt.length === 1 && trainedAt[0] === measuredAt) return measuredAt;
  return `${measuredAt} (trained at ${trainedAt.join(", ")})`;
}

/** Whether the session that begins has steps left to train. */
export function trains(event: ProgressEvent): boolean {
  return event.kind === "start" && (event.steps === null || (event.resumedFrom ?? 0) < event.steps);
}

/** The first SIGINT or SIGTERM asks training to save and stop; a second one ends the process at once. */
export function stopOnSignals(note: (line: string) => void) {
  const controller = new AbortController();
  const onSignal = (signal: NodeJS.Signals) => {
    process.exitCode = 128 + constants.signals[signal];
    if (controller.signal.aborted) process.exit();
    note("Stopping; a checkpoint is being saved. Once more to quit at once.");
    controller.abort();
  };
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
  return {
    signal: controller.signal,
    release: () => {
      process.off("SIGINT", onSignal).off("SIGTERM", onSignal);
    },
  };
}
