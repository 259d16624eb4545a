// @ts-check
// Loaded by `node --import` into a program whose memory is measured: at its end it writes the peak resident memory of
// the whole process, in bytes, to file descriptor 3. Worker threads load it too, and leave that to the main thread.
import { writeSync } from "node:fs";
import { isMainThread } from "node:worker_threads";

if (isMainThread)
  process.on("exit", () => {
    writeSync(3, String(process.resourceUsage().maxRSS * 1024));
  });
