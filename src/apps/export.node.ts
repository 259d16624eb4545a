import { join } from "node:path";
import type * as z from "zod/mini";
import { checkOptions, section, text } from "../config.fields.ts";
import { RunError } from "../errors.ts";
import { lower } from "../graph/lower.ts";
import { input, type Tensor } from "../graph/tensor.ts";
import { type OpenRun, openRun } from "../models/open.node.ts";
import type { Data } from "../runtime/backend.ts";
import { createKernels } from "../runtime/kernels.ts";
import { siteKey } from "../runtime/philox.ts";
import { compile } from "../runtime/program.ts";
import { directoryStorage } from "../storage/directory.node.ts";
import { version } from "../version.ts";

export interface ExportOptions {
  /** The run directory. */
  readonly run: string;
  /** The folder to write to, which is made. */
  readonly out: string;
}

export interface ExportResult {
  readonly files: readonly string[];
  /** Largest |Δ| / (1 + |v|) between an exported graph and the model, over all outputs. */
  readonly maxDifference: number;
}

const schema = section({
  run: text("the run directory"),
  out: text("the folder to write to"),
} satisfies Record<keyof ExportOptions, z.ZodMiniType>);

/** What the exported files must agree to, relative to 1 + |v|. */
const tolerance = 1e-5;
const checkedRows = 7;

/**
 * Writes encoder.onnx (x → mean, logvar) and decoder.onnx (z → mean, and the likelihood's parameters), each with a
 * dynamic batch, and loads them back in ONNX Runtime to compare them with the model.
 * @throws RunError when they do not agree, and nothing is written; or when the folder cannot be written to
 */
export async function exportOnnx(options: ExportOptions): Promise<ExportResult> {
  checkOptions("exportOnnx", schema, options);
  const { run, out } = options;
  const model = await openRun(run);
  try {
    const { vae } = model;
    const graphs = [
      graphOf(model, "encoder", input("x", ["batch", ...vae.event]), (x) => vae.encode(x).parameters),
      graphOf(model, "decoder", input("z", ["batch", vae.latent]), (z) => {
        const likelihood = vae.decode(z);
        return { ...likelihood.parameters, ...("mean" in likelihood.parameters ? {} : { mean: likelihood.mean }) };
      }),
    ];
    let maxDifference = 0;
    for (const graph of graphs) maxDifference = Math.max(maxDifference, await difference(model, graph));
    if (!(maxDifference <= tolerance))
      throw new RunError(
        `${run}: the exported graphs differ from the model by ${maxDifference.toExponential(1)} (allowed ${tolerance}); nothing was written. This is a bug in vaekit`,
      );
    const folder = directoryStorage(out);
    for (const { name, bytes } of graphs) await folder.write(`${name}.onnx`, bytes);
    return { files: graphs.map(({ name }) => join(out, `${name}.onnx`)), maxDifference };
  } finally {
    await model.close();
  }
}

interface ExportedGraph {
  readonly name: string;
  readonly input: Tensor;
  readonly outputs: Readonly<Record<string, Tensor>>;
  readonly bytes: Uint8Array;
}

function graphOf(
  { weights, description }: OpenRun,
  name: string,
  from: Tensor,
  outputsOf: (x: Tensor) => Readonly<Record<string, Tensor>>,
): ExportedGraph {
  const outputs = outputsOf(from);
  const { config, event, trained } = description;
  const { bytes } = lower(outputs, {
    name: `vaekit-${name}`,
    embed: new Map(Object.entries(weights)),
    producerVersion: version,
    documentation: documentationOf(name, event, config.model.latent),
    metadata: {
      "vaekit.part": name,
      "vaekit.event": JSON.stringify(event),
      "vaekit.latent": String(config.model.latent),
      "vaekit.likelihood": JSON.stringify(config.model.likelihood),
      "vaekit.trained": JSON.stringify(trained),
    },
  });
  return { name, input: from, outputs, bytes };
}

function documentationOf(name: string, event: readonly number[], latent: number): string {
  return name === "encoder"
    ? `Encoder of a variational autoencoder. x: (batch, ${event.join(", ")}), as the model was trained on it. mean, logvar: (batch, ${latent}), of the Normal q(z|x).`
    : `Decoder of a variational autoencoder. z: (batch, ${latent}). mean: (batch, ${event.join(", ")}), of p(x|z); the other outputs are its parameters.`;
}

/** Largest |Δ| / (1 + |v|) between the exported file, loaded back, and the model that was trained. */
async function difference(model: OpenRun, { name, input: from, outputs, bytes }: ExportedGraph): Promise<number> {
  const { backend, weights } = model;
  const size = from.shape.slice(1).reduce<number>((product, dim) => product * (dim as number), 1);
  const kernels = createKernels(4 * checkedRows * size + 256);
  const values = kernels.float32(checkedRows * size);
  const rows = kernels.uint32(checkedRows);
  for (let i = 0; i < checkedRows; i++) rows[i] = i;
  // The encoder sees values between 0 and 1, as images have; the decoder draws of the prior.
  kernels[name === "encoder" ? "uniforms" : "normals"](values, siteKey(0, `export/${name}`), 0, rows, size);
  const given: Record<string, Data> = { [from.label!]: values };
  const program = await compile(backend, outputs);
  const expected = await program.run({ ...weights, ...given });
  await program.release();
  const executable = await backend.compile({ bytes, precision: "float32" });
  const actual = await executable.run({
    [from.label!]: { data: values, shape: [checkedRows, ...(from.shape.slice(1) as number[])] },
  });
  await executable.release();
  let largest = 0;
  for (const [output, { data }] of Object.entries(expected)) {
    const other = actual[output]!.data as Float32Array;
    for (const [i, v] of (data as Float32Array).entries()) {
      const delta = Math.abs(v - other[i]!) / (1 + Math.abs(v));
      if (!(delta <= largest)) largest = delta; // NaN comes through
    }
  }
  return largest;
}
