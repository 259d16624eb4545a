// A training step of the dense VAE in tfjs, differentiated by hand for its WebAssembly backend. There a product with an
// operand to be transposed takes 13 times as long as a transpose and a plain product, softplus four times as long as
// below, and a sum over rows four times as long as a product with ones. Nothing here is of Node: a browser runs it too.
import * as tf from "@tensorflow/tfjs-core";

const [rate, beta1, beta2, epsilon] = [1e-3, 0.9, 0.999, 1e-8];

const mapped = (record, f) => Object.fromEntries(Object.entries(record).map(([name, value]) => [name, f(value, name)]));

/** Loss in nats of a batch, x (batch, inputs), with one hidden layer on each side, and its gradients by name. */
function gradients(w, x, noise, fused) {
  const batch = x.shape[0];
  const plain = { linear: (y) => y, relu: tf.relu };
  const layer = (a, b, bias, activation = "linear") =>
    fused ? tf.fused.matMul({ a, b, bias, activation }) : plain[activation](tf.add(tf.matMul(a, b), bias));
  const hidden = layer(x, w.encoderWeight, w.encoderBias, "relu");
  const [mean, logvar] = tf.split(layer(hidden, w.posteriorWeight, w.posteriorBias), 2, 1);
  const deviation = tf.exp(tf.mul(logvar, 0.5));
  const scaled = tf.mul(deviation, noise);
  const z = tf.add(mean, scaled);
  const back = layer(z, w.decoderWeight, w.decoderBias, "relu");
  const logits = layer(back, w.logitsWeight, w.logitsBias);

  // softplus(l) − x·l, with softplus(l) = max(l, 0) − log σ(|l|)
  const softplus = tf.sub(tf.relu(logits), tf.log(tf.sigmoid(tf.abs(logits))));
  // Row by row: in one sum of all, 1e-4 to a total of 30,000 would be lost.
  const distortion = tf.sum(tf.sum(tf.sub(softplus, tf.mul(x, logits)), 1));
  const variance = tf.square(deviation);
  const divergence = tf.mul(tf.sum(tf.sub(tf.add(tf.square(mean), variance), tf.add(logvar, 1))), 0.5);
  const loss = tf.div(tf.add(distortion, divergence), batch);

  const ones = tf.ones([1, batch]);
  const ofBias = (d) => tf.reshape(tf.matMul(ones, d), [d.shape[1]]);
  const ofWeight = (input, d) => tf.matMul(tf.transpose(input), d);
  const ofInput = (d, weight) => tf.matMul(d, tf.transpose(weight));
  const dLogits = tf.mul(tf.sub(tf.sigmoid(logits), x), 1 / batch);
  const dBack = tf.mul(ofInput(dLogits, w.logitsWeight), tf.step(back));
  const dz = ofInput(dBack, w.decoderWeight);
  const dMean = tf.add(dz, tf.mul(mean, 1 / batch));
  const dLogvar = tf.mul(tf.add(tf.mul(dz, scaled), tf.mul(tf.sub(variance, 1), 1 / batch)), 0.5);
  const dPosterior = tf.concat([dMean, dLogvar], 1);
  const dHidden = tf.mul(ofInput(dPosterior, w.posteriorWeight), tf.step(hidden));
  return {
    loss,
    gradient: {
      encoderWeight: ofWeight(x, dHidden),
      encoderBias: ofBias(dHidden),
      posteriorWeight: ofWeight(hidden, dPosterior),
      posteriorBias: ofBias(dPosterior),
      decoderWeight: ofWeight(z, dBack),
      decoderBias: ofBias(dBack),
      logitsWeight: ofWeight(back, dLogits),
      logitsBias: ofBias(dLogits),
    },
  };
}

/**
 * Adam (Kingma & Ba 2015), where the moments are kept divided by 1 − β: that saves a pass over each.
 * @param steps counted from 1
 */
function adam({ w, m, v }, g, steps) {
  const first = tf.add(tf.mul(m, beta1), g);
  const second = tf.add(tf.mul(v, beta2), tf.square(g));
  // rate·m̂/(√v̂ + ε) with m̂ = a·first and √v̂ = b·√second
  const a = (rate * (1 - beta1)) / (1 - beta1 ** steps);
  const b = Math.sqrt((1 - beta2) / (1 - beta2 ** steps));
  const update = tf.div(first, tf.add(tf.sqrt(second), epsilon / b));
  return { w: tf.sub(w, tf.mul(update, a / b)), m: first, v: second };
}

/**
 * The state of Adam over the given weights, and its step. Weights are (inputs, outputs).
 * @param {import("./answers.mjs").Weights} weights
 * @param {{ fused: boolean }} choice whether a layer is one operator, with its bias and activation
 * @returns {import("./answers.mjs").Training}
 */
export function tfjsTraining(weights, { fused }) {
  let state = mapped(weights, ({ values, shape }) => ({
    w: tf.tensor(values, shape),
    m: tf.zeros(shape),
    v: tf.zeros(shape),
  }));
  let steps = 0;
  return {
    /** The loss before the step. */
    async step(x, noise, batch) {
      steps++;
      const before = state;
      const { loss, next } = tf.tidy(() => {
        const rows = (values) => tf.tensor2d(values, [batch, values.length / batch]);
        const { loss, gradient } = gradients(
          mapped(before, ({ w }) => w),
          rows(x),
          rows(noise),
          fused,
        );
        return { loss, next: mapped(before, (slot, name) => adam(slot, gradient[name], steps)) };
      });
      tf.dispose(before);
      state = next;
      const [value] = loss.dataSync();
      loss.dispose();
      return value;
    },
    release: () => tf.dispose(state),
  };
}
