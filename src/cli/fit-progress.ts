import type { FitProgress } from "../apps/fit-sampler.ts";
import { countProgress, type Screen } from "./progress.ts";

/** Shows how far the fit of a sampler is: a line when it begins, and with bars how far it is. */
export function fitProgress(screen: Screen, kind: string, bars: boolean) {
  const counts = new Map<FitProgress["stage"], ReturnType<typeof countProgress>>();
  const open = (stage: FitProgress["stage"]) => {
    if (counts.size === 0)
      screen.write(`Fitting the sampler "${kind}" to a draw of q(z|x) for each training example; it is stored.\n`);
    for (const count of counts.values()) count.close();
    const count = countProgress(screen, stage === "draws" ? "drawing z" : "fitting", { bars });
    counts.set(stage, count);
    return count;
  };
  return {
    onProgress({ stage, done, total }: FitProgress): void {
      (counts.get(stage) ?? open(stage)).onProgress(done, total);
    },
    close(): void {
      for (const count of counts.values()) count.close();
    },
  };
}
