import { constants } from "node:os";
import { type Command, Option } from "commander";
import { UsageError } from "../errors.ts";
import type { NodeDevice } from "../runtime/devices.ts";
import type { TrainResult } from "../train/train.node.ts";
import { choicesHelp } from "./choices.ts";
import { checkNesting, readConfig } from "./config-file.ts";
import {
  addExamples,
  given,
  jsonOption,
  naturalNumber,
  positiveInteger,
  positiveNumber,
  threadsOption,
} from "./options.ts";
import { formatCount, formatSeconds, printResult, shellQuote } from "./output.ts";
import { type TrainProgress, trainProgress, wantsBars } from "./progress.ts";

interface TrainFlags {
  readonly out: string;
  readonly config?: string;
  readonly set?: readonly string[];
  readonly epochs?: number;
  readonly steps?: number;
  readonly minutes?: number;
  readonly seed?: number;
  readonly resume?: boolean;
  readonly threads?: number;
  readonly device?: NodeDevice;
  readonly json?: boolean;
}

/** Named here once more: --help loads nothing of the library. */
const DEVICES = Object.keys({ cpu: true, webgpu: true } satisfies Record<NodeDevice, true>);

export function register(program: Command): void {
  const command = program
    .command("train")
    .summary("train a model on DATA and write it to a run directory")
    .description(
      "Trains a variational autoencoder on DATA and writes config, metrics, checkpoints and the finished model to RUN. " +
        "Ctrl-C saves a checkpoint and stops; the same command with --resume goes on from there, bit for bit.",
    )
    .argument("<data>", "an IDX file, a folder with MNIST's four files, or sprites")
    .requiredOption("--out <run>", "the run directory to write")
    .optionsGroup("What to train:")
    .option("--config <file>", "a JSON config; all keys have defaults")
    .option("--set <key=value...>", "set keys of the config, e.g. model.latent=50 'model.encoder.hidden=[400]'")
    .optionsGroup("For how long:")
    .addOption(
      positiveInteger("--epochs <n>", "passes over the training data (default: 50, or what the config says)").conflicts(
        "steps",
      ),
    )
    .addOption(positiveInteger("--steps <n>", "batches, instead of epochs"))
    .addOption(positiveNumber("--minutes <m>", "stop after this many minutes"))
    .option("--resume", "go on from the last checkpoint in RUN")
    .optionsGroup("How:")
    .addOption(
      naturalNumber(
        "--seed <n>",
        "seed of training: initial weights, order, noise (default: 0, or what the config says); of the data: --set data.seed=N",
      ),
    )
    .addOption(threadsOption())
    .addOption(
      new Option(
        "--device <device>",
        "where to compute: cpu, or a graphics card by webgpu (default: cpu, or what the run began on)",
      ).choices(DEVICES),
    )
    .addOption(jsonOption())
    .allowExcessArguments() // so that `--set a=1 --out RUN b=2` gets a message of its own
    .action(async (data: string, flags: TrainFlags) => {
      const [extra] = command.args.slice(1);
      if (extra !== undefined) throw new UsageError(unexpectedArgument(extra));
      await trainCommand(data, flags);
    });
  command.addHelpText("after", choicesHelp);
  addExamples(
    command,
    "vaekit train sprites --out runs/sprites --epochs 5",
    "vaekit train ../data/mnist --out runs/mnist --set model.latent=50 'model.encoder.hidden=[200,200]'",
    "vaekit train ../data/mnist --out runs/mnist --config mnist.json --minutes 10",
    "vaekit train ../data/mnist --out runs/mnist --resume",
  );
}

function unexpectedArgument(extra: string): string {
  const hint = extra.includes("=")
    ? "settings follow --set"
    : "train takes one DATA; give DATA before --set, which takes all that follows it up to the next option";
  return `unexpected argument "${extra}"; ${hint}`;
}

async function trainCommand(data: string, flags: TrainFlags): Promise<void> {
  const { config: configFile, json, ...options } = flags;
  const config = configFile === undefined ? undefined : await readConfig(configFile);
  for (const setting of flags.set ?? []) checkNesting(setting, `--set ${setting.slice(0, 40)}...`);
  const { train } = await import("../train/train.node.ts");
  prepareDevice(flags);
  const progress = trainProgress(process.stderr, { bars: wantsBars(process.stderr, process.env) });
  const stop = stopOnSignals(progress);
  const resume = `vaekit train ${shellQuote(data)} --out ${shellQuote(flags.out)} --resume`;
  let result: TrainResult;
  try {
    result = await train({
      data,
      ...given(options),
      ...(configFile === undefined ? {} : { config, configName: configFile }),
      signal: stop.signal,
      onProgress: (event) => {
        if (event.kind === "start") stop.trainingBegins();
        progress.onProgress(event);
      },
    });
  } catch (error) {
    const received = stop.received();
    if (!received || error !== stop.signal.reason) throw error;
    const after = flags.resume ? `. To go on:\n  ${resume}` : "; nothing was written.";
    process.stderr.write(`Stopped by ${received} while the data were read${after}\n`);
    process.exitCode = exitCodeOf(received);
    return;
  } finally {
    stop.release();
    progress.close();
  }
  const received = stop.received();
  if (result.stopped === "signal" && received) {
    process.stderr.write(`Stopped by ${received} after step ${formatCount(result.step)}. To go on:\n  ${resume}\n`);
    process.exitCode = exitCodeOf(received);
  }
  const { objectiveName } = await import("../train/objective-name.ts");
  printResult(json, result, resultLines(result, objectiveName(result.objective)));
}

/** Loads ONNX Runtime while the data are read. What is wrong with it, or with the options, is told where it is needed. */
function prepareDevice({ device = "cpu", threads }: TrainFlags): void {
  import("../runtime/ort.node.ts").then(({ nodeBackend }) => nodeBackend(device, threads)).catch(() => {});
}

/** What to raise when a resumed run had nothing left to do. */
const limits = {
  finished: "--epochs or --steps",
  early: "--set train.patience=N",
  minutes: "--minutes, which counts the minutes before as well",
} as const;

/** What became of a training, for people. @param objective what the best weights are chosen by, in symbols */
export function resultLines(result: TrainResult, objective: string): string[] {
  if (result.steps === 0 && result.stopped !== "signal")
    return [
      `Nothing was left to do: the run had come to its end, at step ${formatCount(result.step)}. To train longer, resume with a higher ${limits[result.stopped]}.`,
      `Run: ${result.run}`,
    ];
  const why = {
    finished: "Finished",
    early: `Stopped early, as the validation ${objective} no longer got better,`,
    minutes: "Stopped as the minutes were over",
    signal: "Stopped by a signal",
  }[result.stopped];
  const best = result.best
    ? [`Best validation ${objective}: ${result.best.objectiveNats.toFixed(2)} nats, after epoch ${result.best.epoch}.`]
    : [];
  return [
    `${why} after epoch ${result.epoch}, step ${formatCount(result.step)}, in ${formatSeconds(result.seconds)}.`,
    ...best,
    `Run: ${result.run}`,
  ];
}

/** The first SIGINT or SIGTERM asks training to save and stop; a second one ends the process at once. */
function stopOnSignals(progress: TrainProgress) {
  const controller = new AbortController();
  let received: NodeJS.Signals | undefined;
  let begun = false;
  const onSignal = (signal: NodeJS.Signals) => {
    if (received) {
      progress.close();
      process.exit(exitCodeOf(signal));
    }
    received = signal;
    progress.note(`Stopping${begun ? "; a checkpoint is being saved" : ""}. Once more to quit at once.`);
    controller.abort();
  };
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
  return {
    signal: controller.signal,
    received: () => received,
    trainingBegins: () => {
      begun = true;
    },
    release: () => process.off("SIGINT", onSignal).off("SIGTERM", onSignal),
  };
}

/** 128 + the signal's number, as shells have it: 130 for SIGINT, 143 for SIGTERM. */
function exitCodeOf(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal];
}
