import type { Backend } from "../src/runtime/backend.ts";
import { cpuBackend } from "../src/runtime/ort.node.ts";
import { initializeParameters } from "../src/train/initialize.ts";
import { viewOf } from "../src/train/layout.ts";
import { type TrainingOptions, type TrainingProgram, trainingProgram } from "../src/train/program.ts";

/* For tests: small training programs, and a look inside. */

export const settings = { learningRate: 0.1, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };

export async function compiled(
  options: Omit<TrainingOptions, "backend"> & { readonly backend?: Backend },
): Promise<TrainingProgram> {
  const program = await trainingProgram({ backend: await cpuBackend(1), ...options });
  initializeParameters(program.parameters, program.layout, options.specs, 0);
  return program;
}

export const at = (program: TrainingProgram, path: string, buffer = program.parameters): Float32Array =>
  viewOf(buffer, program.layout.slots.find((slot) => slot.path === path)!);

/** One step after which the first moment, with β₁ = 0, is the gradient itself. */
export async function gradientsOf(
  program: TrainingProgram,
  objective: string,
): Promise<{ loss: number; gradients: Float32Array }> {
  const { loss } = (await program.step(1, { ...settings, beta1: 0 })).get(objective)!;
  return { loss, gradients: program.moments.get(objective)!.first.slice() };
}

/** Everything that a step may change. */
export const stateOf = ({ parameters, moments }: TrainingProgram): Float32Array[] =>
  [parameters, ...[...moments.values()].flatMap(({ first, second }) => [first, second])].map((buffer) =>
    buffer.slice(),
  );

export const constantStart = (value: number) => ({ kind: "constant", value }) as const;
