import type { Backend } from "../runtime/backend.ts";
import type { Storage } from "../storage/storage.ts";
import type { PortableModel } from "./portable.ts";
import { type PriorSampler, priorSampler, type Samplers } from "./prior-sampler.ts";
import type { SamplerKind } from "./sampler-kinds.ts";
import { samplerOf } from "./samplers.ts";

/** The samplers that are stored with a model, each compiled once, and anew when another has taken its place. */
export function runSamplers(
  storage: Storage,
  model: Pick<PortableModel, "description" | "vae">,
  backend: Backend,
): Samplers {
  const last = new Map<SamplerKind, { readonly of: string; readonly sampler: PriorSampler }>();
  const opened: PriorSampler[] = [];
  return {
    async sampler(kind) {
      const stored = await samplerOf(storage, kind, model);
      const of = JSON.stringify(stored.description);
      const known = last.get(kind);
      if (known?.of === of) return known.sampler;
      const sampler = priorSampler(stored, model.vae.latent, backend);
      last.set(kind, { of, sampler });
      opened.push(sampler);
      return sampler;
    },
    async release() {
      await Promise.all(opened.map((sampler) => sampler.release()));
    },
  };
}
