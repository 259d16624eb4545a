import { relu } from "../src/graph/ops/activation.ts";
import { add, mul, square } from "../src/graph/ops/arithmetic.ts";

import { mean } from "../src/graph/ops/reduce.ts";
import { constant, input, type Tensor } from "../src/graph/tensor.ts";
import { weightedMean } from "../src/models/objective.ts";
import { conv } from "../src/nn/conv.ts";
import { parameterTree, type Scope } from "../src/nn/parameters.ts";
import { createKernels } from "../src/runtime/kernels.ts";
import { cpuBackend } from "../src/runtime/ort.node.ts";
import { siteKey } from "../src/runtime/philox.ts";
import { threadHelpers } from "../src/train/helper.node.ts";
import { initializeParameters } from "../src/train/initialize.ts";
import { type TrainingProgram, trainingProgram } from "../src/train/program.ts";
import type { BenchCase } from "./case.ts";
import { checkSame, writeManifest } from "./check.ts";
import { closing, type Keep, temporaryFolder } from "./closing.ts";
import { fastestPytorch } from "./pytorch.ts";
import { aboutRivals, contender, type Rival } from "./rival.ts";
import { firstLosses } from "./training.ts";
import { byTurns, OURS, ratiosByPart, summaries, withTotals } from "./turns.ts";

/** A stack of residual blocks over maps of side × side. */
interface Stack {
  readonly side: number;
  readonly batch: number;
  readonly channels: number;
  readonly blocks: number;
}

const stacks: readonly Stack[] = [
  { side: 16, batch: 64, channels: 64, blocks: 2 },
  { side: 32, batch: 16, channels: 64, blocks: 2 },
];
const nameOf = ({ side }: Stack): string => `${side}×${side}`;

const STEPS = 15;
const PAIRS = 10;
const optimizer = { kind: "adam", learningRate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 } as const;

/** x + conv1×1(relu(conv3×3(relu(x)))), the block of van den Oord et al. (2017). */
function block(scope: Scope, channels: number): (x: Tensor) => Tensor {
  const initialization = "he";
  const wide = conv(scope.at("wide"), channels, channels, { kernel: 3, padding: 1, initialization });
  const narrow = conv(scope.at("narrow"), channels, channels, { kernel: 1, initialization });
  return (x) => add(x, narrow(relu(wide(relu(x)))));
}

interface Training {
  readonly program: TrainingProgram;
  /** Forward, backward and Adam on the one batch; the loss. */
  step(): Promise<number>;
}

async function ownTraining({ side, batch, channels, blocks }: Stack, threads: number | undefined): Promise<Training> {
  const { root, specs } = parameterTree();
  const layers = Array.from({ length: blocks }, (_, i) => block(root.at(`block.${i}`), channels));
  const x = input("x", ["batch", side, side, channels]);
  const y = layers.reduce((h, layer) => layer(h), x);
  const half = mul(constant(0.5), mean(square(y), [1, 2, 3])); // (batch)
  const program = await trainingProgram({
    backend: await cpuBackend(threads),
    helpers: await threadHelpers(),
    specs,
    batchSize: batch,
    objectives: [
      {
        name: "half",
        minimize: weightedMean(half, input("weight", ["batch"])),
        trains: specs.map(({ path }) => path),
        weights: "weight",
      },
    ],
  });
  initializeParameters(program.parameters, program.layout, specs, 0);
  program.inputs.weight!.fill(1);
  program.inputs.x!.set(normals(batch * side * side * channels));
  let steps = 0;
  return {
    program,
    step: async () => (await program.step(++steps, optimizer)).get("half")!.loss,
  };
}

function normals(count: number): Float32Array {
  const kernels = createKernels(4 * count + 128);
  const draws = kernels.float32(count);
  kernels.normals(draws, siteKey(0, "residual"), 0, kernels.uint32(1), count);
  return draws;
}

/** A stack of ours and PyTorch's, which compute the same. */
interface Opened {
  readonly stack: Stack;
  readonly own: Training;
  readonly pytorch: Rival;
  readonly difference: number;
}

async function open(
  stack: Stack,
  folder: string,
  threads: number | undefined,
  steps: number,
  note: (line: string) => void,
  keep: Keep,
): Promise<Opened> {
  note(`maps of ${nameOf(stack)}`);
  const own = keep(await ownTraining(stack, threads), ({ program }) => program.release());
  const args = [JSON.stringify(stack)];
  const pytorch = await fastestPytorch({ script: "bench/peers/pytorch_residual.py", args }, steps, note);
  keep(pytorch.peer, ({ close }) => close());
  const { parameters, layout, inputs } = own.program;
  const manifest = await writeManifest(folder, parameters, layout, { x: inputs.x! });
  const losses = await firstLosses(own);
  const difference = await checkSame(pytorch, manifest, losses, `${nameOf(stack)}: the loss`);
  note(`both compute the same loss over four steps: relative difference ${difference.toExponential(1)}`);
  return { stack, own, pytorch, difference };
}

async function timeSteps({ step }: Training, count: number): Promise<number> {
  const started = performance.now();
  for (let i = 0; i < count; i++) await step();
  return (performance.now() - started) / count;
}

export const residual: BenchCase = {
  name: "residual",
  about: "a step of a stack of residual blocks, 3×3 and 1×1 convolutions of 64 channels, beside PyTorch's",

  run: ({ pairs = PAIRS, length: steps = STEPS, threads, note }) =>
    closing(async (keep) => {
      const folder = await temporaryFolder(keep);
      const opened: Opened[] = [];
      for (const stack of stacks) opened.push(await open(stack, folder, threads, steps, note, keep));
      const times = await byTurns(
        opened.flatMap(({ stack, own, pytorch }) => [
          { name: `${OURS} ${nameOf(stack)}`, block: () => timeSteps(own, steps) },
          { ...contender(pytorch), name: `pytorch ${nameOf(stack)}` },
        ]),
        pairs,
        note,
      );
      const all = withTotals(times, stacks.map(nameOf));
      return {
        case: "residual",
        unit: "ms/step",
        results: summaries(all),
        ratios: ratiosByPart(all, ["", ...stacks.map(nameOf)]),
        pairs,
        about: {
          step: "forward, backward and Adam on one batch: 2 blocks, 64 images of 16×16 or 16 of 32×32",
          ratio: "PyTorch's time over ours, pair by pair: above 1 we are faster",
          both: `${OURS} and pytorch: a step of each size`,
          stepsPerBlock: steps,
          ...Object.assign({}, ...opened.map(({ stack, pytorch }) => aboutRivals([pytorch], nameOf(stack)))),
          lossDifference: Math.max(...opened.map(({ difference }) => difference)),
        },
      };
    }),
};
