// A training step of the dense VAE in jax-js, compiled whole by its jit. It names nothing of Node: a browser runs it too.
import { jit, numpy as np, tree, valueAndGrad } from "@jax-js/jax";
import { transposed } from "./transposed.mjs";

const [rate, beta1, beta2, epsilon] = [1e-3, 0.9, 0.999, 1e-8];

/**
 * Negative ELBO in nats of a batch, with one hidden layer on each side. A function owns what it is given: `.ref` keeps
 * an array for another use.
 */
function negElbo(w, x, noise, outputsFirst) {
  const batch = x.shape[0];
  const relu = (a) => np.maximum(a, 0);
  const wide = (a, weight) => np.matmul(a, outputsFirst ? np.transpose(weight) : weight);
  const hidden = relu(wide(x.ref, w.encoderWeight).add(w.encoderBias));
  const [mean, logvar] = np.split(np.matmul(hidden, w.posteriorWeight).add(w.posteriorBias), 2, 1);
  const z = mean.ref.add(np.exp(logvar.ref.mul(0.5)).mul(noise));
  const back = relu(np.matmul(z, w.decoderWeight).add(w.decoderBias));
  const logits = wide(back, w.logitsWeight).add(w.logitsBias);
  // softplus(l) − x·l, with softplus(l) = max(l, 0) + log(1 + exp(−|l|))
  const softplus = relu(logits.ref).add(np.log1p(np.exp(np.absolute(logits.ref).neg())));
  // Row by row: in one sum of all, 1e-4 to a total of 30,000 would be lost.
  const distortion = softplus.sub(x.mul(logits)).sum(1).sum();
  const divergence = np.square(mean).add(np.exp(logvar.ref)).sub(1).sub(logvar).sum().mul(0.5);
  return distortion.add(divergence).div(batch);
}

const mapped = (record, f) => Object.fromEntries(Object.entries(record).map(([name, value]) => [name, f(value, name)]));

/** Of Adam (Kingma & Ba 2015): the loss, and weights and moments after the step. */
const stepWith = (outputsFirst) =>
  jit((state, x, noise, correction) => {
    const loss = (w) => negElbo(w, x, noise, outputsFirst);
    const [value, gradient] = valueAndGrad(loss)(mapped(state, ({ w }) => w.ref));
    const [first, second] = [correction.ref.slice(0), correction.slice(1)];
    const next = mapped(state, ({ w, m, v }, name) => {
      const g = gradient[name];
      const m1 = m.mul(beta1).add(g.ref.mul(1 - beta1));
      const v1 = v.mul(beta2).add(np.square(g).mul(1 - beta2));
      const update = m1.ref.mul(first.ref).div(np.sqrt(v1.ref.mul(second.ref)).add(epsilon));
      return { w: w.sub(update), m: m1, v: v1 };
    });
    first.dispose();
    second.dispose();
    return { loss: value, next };
  });

/**
 * The state of Adam over the given weights, and its step.
 * @param {import("./answers.mjs").Weights} weights
 * @param {{ outputsFirst: boolean }} choice whether the two large weights are kept (outputs, inputs)
 * @returns {import("./answers.mjs").Training}
 */
export function jaxTraining(weights, { outputsFirst }) {
  const step = stepWith(outputsFirst);
  let state = mapped(weights, ({ values, shape }, name) => {
    const turned = outputsFirst && (name === "encoderWeight" || name === "logitsWeight");
    const kept = turned ? shape.toReversed() : shape;
    return {
      w: np.array(turned ? transposed(values, ...shape) : values, { shape: kept }),
      m: np.zeros(kept),
      v: np.zeros(kept),
    };
  });
  let steps = 0;
  return {
    /** The loss before the step. */
    async step(x, noise, batch) {
      steps++;
      const correction = np.array(Float32Array.of(rate / (1 - beta1 ** steps), 1 / (1 - beta2 ** steps)));
      const rows = (values) => np.array(values, { shape: [batch, values.length / batch] });
      const { loss, next } = step(state, rows(x), rows(noise), correction);
      state = next;
      return (await loss.data())[0];
    },
    release() {
      tree.dispose(state);
    },
  };
}
