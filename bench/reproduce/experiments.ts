import type { Experiment } from "./experiment.ts";
import { mnistVae } from "./mnist-vae.ts";

/** Everything that `npm run reproduce -- NAME` knows. */
export const experiments: readonly Experiment[] = [mnistVae];
