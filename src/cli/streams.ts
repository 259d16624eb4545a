/*
 * What happens when standard output or standard error cannot be written to: its reader is gone (`vaekit ... | head -1`),
 * or the disk under it is full. A command's work goes on and its words are lost, for the work is what was asked for:
 * training that ended half way would leave a lock and no model. Only at the end does lost output count:
 *
 * - The reader of what evaluate or inspect prints is gone: 141, which is 128 + SIGPIPE, as a shell gives for a program
 *   that such a pipe ends. The other commands leave their product in files and have done what they should: 0.
 * - Standard output could not be written for another reason: one line on standard error, and 1.
 * - Standard error lost: nothing, there is nowhere left to tell it.
 */

/** 128 + 13, the number of SIGPIPE. */
export const NOBODY_READS = 141;

/** Keeps a stream's errors from ending the process; returns what waits for the stream and gives its first error. */
export function tolerate(stream: NodeJS.WriteStream): () => Promise<NodeJS.ErrnoException | undefined> {
  let first: NodeJS.ErrnoException | undefined;
  stream.on("error", (error: NodeJS.ErrnoException) => {
    first ??= error;
  });
  return async () => {
    if (stream.writableLength > 0) await new Promise<void>((resolve) => stream.write("", () => resolve()));
    await new Promise((resolve) => setImmediate(resolve)); // the event of the last write comes a little later
    return first;
  };
}

export function isClosedPipe(error: NodeJS.ErrnoException): boolean {
  return error.code === "EPIPE";
}

export async function describeLostOutput(error: NodeJS.ErrnoException): Promise<string> {
  const { describeProblem } = await import("../storage/problems.node.ts"); // here, so that --help does not load it
  const { reason, mend } = describeProblem(error);
  return `standard output: cannot be written: ${reason}; ${mend}`;
}
