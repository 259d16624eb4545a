import { input } from "../graph/tensor.ts";
import type { Backend } from "../runtime/backend.ts";
import { compile } from "../runtime/program.ts";
import type { PortableModel } from "./portable.ts";

/** Draws of a model's prior p(z). */
export interface PriorSampler {
  /** How many standard normal and how many uniform numbers a draw takes. */
  readonly noise: { readonly normal: number; readonly uniform: number };
  /** normal (rows, noise.normal), uniform in [0, 1) (rows, noise.uniform) → z (rows, latent); a row by its noise alone. */
  draw(normal: Float32Array, uniform: Float32Array, rows: number): Promise<Float32Array>;
  /** Not while a draw is under way. */
  release(): Promise<void>;
}

/** Always so many rows at once, the last ones zeros: the last bits of a row may depend on it. */
const chunk = 128;

/** The sampler of a model's prior, which is compiled when it is first used; the standard normal needs none. */
export function priorSampler({ vae, weights }: Pick<PortableModel, "vae" | "weights">, backend: Backend): PriorSampler {
  const prior = vae.prior();
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
    async draw(normal, uniform, rows) {
      compiled ??= start();
      const program = await compiled;
      const z = new Float32Array(rows * vae.latent);
      for (let from = 0; from < rows; from += chunk) {
        const count = Math.min(chunk, rows - from);
        const part = (values: Float32Array, width: number) => {
          const padded = new Float32Array(chunk * width);
          padded.set(values.subarray(from * width, (from + count) * width));
          return padded;
        };
        const feeds = { normal: part(normal, noise.normal), uniform: part(uniform, noise.uniform) };
        const drawn = (await program.run({ ...weights, ...feeds })).z!.data as Float32Array;
        z.set(drawn.subarray(0, count * vae.latent), from * vae.latent);
      }
      return z;
    },
    async release() {
      const program = await compiled?.catch(() => undefined); // whoever drew has been told
      await program?.release();
    },
  };
}
