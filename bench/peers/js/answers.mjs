// What the JavaScript peers answer, in Node and in a browser: the protocol of pytorch_peer.py.
//   {"check": MANIFEST}   {"values"}: losses of four Adam steps from given weights, on a given batch with given noise
//   {"tune": STEPS}       times every way of writing the step, keeps the fastest
//   {"run": STEPS}        seconds of that many whole steps: fetch, binarize, noise, forward, backward, Adam
import { batches } from "./batches.mjs";
import { transposed } from "./transposed.mjs";

/**
 * @typedef {Record<string, { values: Float32Array, shape: number[] }>} Weights `encoderWeight`, `encoderBias`, and the
 *   same of `posterior`, `decoder` and `logits`; a weight is (inputs, outputs)
 * @typedef {{ step(x: Float32Array, noise: Float32Array, batch: number): Promise<number>, release(): void }} Training
 *   a step gives the loss before it
 * @typedef {{ choices: object[], training(weights: Weights, choice: object): Training }} Library
 */

/**
 * @param {Library} library
 * @param {Uint8Array} pixels grey levels
 * @param {import("../../models.ts").PeerModel} model
 * @param {(path: string) => Promise<Float32Array>} floats reads what a manifest names
 * @returns {(question: any) => Promise<object>}
 */
export function answers({ choices, training }, pixels, model, floats) {
  const { batch, latent, hidden, activation, layers, binarize } = model;
  if (hidden.length !== 1 || activation !== "relu" || layers.length > 0 || !binarize)
    throw new Error("this peer is the VAE with one dense hidden layer, ReLU and binarized pixels");
  const width = model.event.reduce((a, b) => a * b);
  const next = batches(pixels, { batch, latent, width });
  const begin = (choice) => training(initialWeights(model, width), choice);
  let choice = choices[0];
  let own = begin(choice);

  const run = async (trained, steps) => {
    const started = performance.now();
    for (let i = 0; i < steps; i++) {
      const { x, noise } = next();
      await trained.step(x, noise, batch);
    }
    return (performance.now() - started) / 1000;
  };

  /** By turns, so that a busy moment of the machine does not decide. */
  const tune = async (steps) => {
    const candidates = choices.map((one) => ({ one, trained: begin(one), times: [] }));
    for (const { trained } of candidates) await run(trained, 4); // the first compiles
    for (let round = 0; round < 5; round++)
      for (const { trained, times } of candidates) times.push((await run(trained, steps)) / steps);
    const middle = ({ times }) => times.sort((a, b) => a - b)[2];
    candidates.sort((a, b) => middle(a) - middle(b));
    for (const { trained } of candidates) trained.release();
    return candidates[0];
  };

  const check = async (manifest) => {
    const given = {};
    for (const [name, path] of Object.entries(manifest)) given[name] = await floats(path);
    const trained = training(givenWeights(given), choice);
    const losses = [];
    for (let i = 0; i < 4; i++) losses.push(await trained.step(given.x, given.noise, batch));
    trained.release();
    return losses;
  };

  return async (question) => {
    if (question.check) return { values: await check(question.check) };
    if (!question.tune) return { seconds: await run(own, question.run) };
    const best = await tune(question.tune);
    choice = best.one;
    own.release();
    own = begin(choice);
    return { seconds: best.times[2], choice };
  };
}

/** Glorot & Bengio (2010); which draws these are matters to nothing that is timed. */
function initialWeights({ hidden: [hidden], latent }, width) {
  let state = 1;
  const uniform = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 31 - 1;
  };
  const layers = {
    encoder: [width, hidden],
    posterior: [hidden, 2 * latent],
    decoder: [latent, hidden],
    logits: [hidden, width],
  };
  return Object.fromEntries(
    Object.entries(layers).flatMap(([name, [inputs, outputs]]) => {
      const limit = Math.sqrt(6 / (inputs + outputs));
      const values = Float32Array.from({ length: inputs * outputs }, () => limit * uniform());
      return [
        [`${name}Weight`, { values, shape: [inputs, outputs] }],
        [`${name}Bias`, { values: new Float32Array(outputs), shape: [outputs] }],
      ];
    }),
  );
}

/** Ours by path; hidden layers' weights are stored (outputs, inputs) there. */
function givenWeights(given) {
  const paths = {
    encoder: "encoder.hidden.0",
    posterior: "encoder.posterior",
    decoder: "decoder.hidden.0",
    logits: "decoder.logits",
  };
  return Object.fromEntries(
    Object.entries(paths).flatMap(([name, path]) => {
      const [weight, bias] = [given[`${path}.weight`], given[`${path}.bias`]];
      const [outputs, inputs] = [bias.length, weight.length / bias.length];
      const values = path.includes(".hidden.") ? transposed(weight, outputs, inputs) : weight;
      return [
        [`${name}Weight`, { values, shape: [inputs, outputs] }],
        [`${name}Bias`, { values: bias, shape: [outputs] }],
      ];
    }),
  );
}
