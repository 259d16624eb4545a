import type { ProgressEvent } from "../train/options.ts";

export type StepEvent = Extract<ProgressEvent, { kind: "step" }>;
export type StartEvent = Extract<ProgressEvent, { kind: "start" }>;
export type EpochEvent = Extract<ProgressEvent, { kind: "epoch" }>;

/** The bound that is trained, which is told first. */
export function boundOf({ negElboNats, negIwaeNats }: Pick<StepEvent, "negElboNats" | "negIwaeNats">): {
  readonly name: string;
  readonly nats: number;
} {
  return negIwaeNats === undefined ? { name: "−ELBO", nats: negElboNats } : { name: "−IWAE bound", nats: negIwaeNats };
}

/** Where a run stands. */
export interface Standing {
  readonly start: StartEvent | undefined;
  /** The newest step; at the end of an epoch, the numbers of its row. */
  readonly step: StepEvent;
  /** Of the newest validation: what `boundOf` gives. */
  readonly validation: number | undefined;
  /** From 0 to 1, by steps or by minutes, whichever end is nearer. Undefined where the run has no such end. */
  readonly share: number | undefined;
}

export interface ProgressState {
  take(event: StartEvent | StepEvent | EpochEvent): void;
  /** Undefined before the first step. */
  standing(): Standing | undefined;
}

export function progressState(): ProgressState {
  let start: StartEvent | undefined;
  let step: StepEvent | undefined;
  let validation: number | undefined;
  return {
    take(event) {
      if (event.kind === "start") start = event;
      else if (event.kind === "step") step = event;
      else {
        if (event.row.validation) validation = boundOf(event.row.validation).nats;
        if (step) step = stepOf(event.row, step);
      }
    },
    standing() {
      if (!step) return undefined;
      const shares = [
        ...(step.steps ? [step.step / step.steps] : []),
        ...(start?.minutes ? [step.seconds / (60 * start.minutes)] : []),
      ];
      return { start, step, validation, share: shares.length === 0 ? undefined : Math.max(...shares) };
    },
  };
}

/** The end of an epoch as a step: the last one is told only where 100 ms have passed since the one before. */
function stepOf({ epoch, step, seconds, train, examplesPerSecond }: EpochEvent["row"], before: StepEvent): StepEvent {
  const { secondsLeft } = before;
  const left = secondsLeft && Math.max(0, secondsLeft - (seconds - before.seconds));
  return { ...before, ...train, epoch, step, seconds, examplesPerSecond, secondsLeft: left };
}
