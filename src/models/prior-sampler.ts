import type { Prior } from "../distributions/latent.ts";
import { input } from "../graph/tensor.ts";
import type { Backend } from "../runtime/backend.ts";
import { compile } from "../runtime/program.ts";
import type { SamplerKind } from "./sampler-kinds.ts";

/** Draws of a model's prior p(z), or of a distribution that was fitted in its place. */
export interface PriorSampler {
  /** How many standard normal and how many uniform numbers a draw takes. */
  readonly noise: { readonly normal: number; readonly uniform: number };
  /**
   * normal (rows, noise.normal), uniform in [0, 1) (rows, noise.uniform) → z (rows, latent); a row by its noise alone, and
   * by its condition (rows, condition) where the model is conditional.
   */
  draw(normal: Float32Array, uniform: Float32Array, rows: number, condition?: Float32Array): Promise<Float32Array>;
  /** Not while a draw is under way. */
  release(): Promise<void>;
}

/** What is drawn from. */
interface Source {
  readonly prior: Pick<Prior, "noise" | "sample"> & { readonly kind?: Prior["kind"] };
  /** By path. */
  readonly weights: Readonly<Record<string, Float32Array>>;
}

/** Always so many rows at once, the last ones zeros: the last bits of a row may depend on it. */
const chunk = 128;

/** The sampler of a prior, which is compiled when it is first used; the standard normal needs none. */
export function priorSampler({ prior, weights }: Source, latent: number, backend: Backend): PriorSampler {
  const { noise } = prior;
  if (prior.kind === "standard") return { noise, draw: async (normal) => normal, release: async () => undefined };
  let compiled: ReturnType<typeof compile> | undefined;
  const start = () =>
    compile(backend, {
      z: prior.sample({
        normal: input("normal", ["batch", noise.normal]),
        ...(noise.uniform > 0 ? { uniform: input("uniform", ["batch", noise.uniform]) } : {}),
      }),
    });
  return {
    noise,
    async draw(normal, uniform, rows, condition) {
      compiled ??= start();
      const program = await compiled;
      const z = new Float32Array(rows * latent);
      for (let from = 0; from < rows; from += chunk) {
        const count = Math.min(chunk, rows - from);
        const part = (values: Float32Array, width: number) => {
          const padded = new Float32Array(chunk * width);
          padded.set(values.subarray(from * width, (from + count) * width));
          return padded;
        };
        const feeds = { normal: part(normal, noise.normal), uniform: part(uniform, noise.uniform) };
        const given = condition && { condition: part(condition, condition.length / rows) };
        const drawn = (await program.run({ ...weights, ...feeds, ...given })).z!.data as Float32Array;
        z.set(drawn.subarray(0, count * latent), from * latent);
      }
      return z;
    },
    async release() {
      const program = await compiled?.catch(() => undefined); // whoever drew has been told
      await program?.release();
    },
  };
}

/** Samplers that were fitted to a model, by kind. */
export interface Samplers {
  /** @throws RunError where there is none, or it was fitted to other weights */
  sampler(kind: SamplerKind): Promise<PriorSampler>;
  /** Not while a draw is under way. */
  release(): Promise<void>;
}
