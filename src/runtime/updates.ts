/* What an optimizer's step is made with: the options, and the few numbers that its loop, or its graph, takes of them. */

/** What the optimizers have in common. */
export interface UpdateOptions {
  readonly learningRate: number;
  /** t of the papers: 1 for the first step. */
  readonly step: number;
  /** Factor on the gradients, below 1 where they are clipped. Default: 1. */
  readonly scale?: number;
  /** Decoupled weight decay λ (Loshchilov & Hutter 2019): parameters shrink by learningRate·λ of themselves. Default: 0. */
  readonly weightDecay?: number;
}

/** The scalars of one step of Adam or Adamax. */
export interface AdamOptions extends UpdateOptions {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
}

/** The scalars of one step of gradient descent with momentum. */
export interface MomentumOptions extends UpdateOptions {
  readonly momentum: number;
  /** Looks ahead by one step of the velocity (Nesterov 1983, in the form of Sutskever et al. 2013). Default: false. */
  readonly nesterov?: boolean;
}

const common = ({ learningRate, scale = 1, weightDecay = 0 }: UpdateOptions) => ({
  scale,
  decay: learningRate * weightDecay,
});

/** Of Kingma & Ba (2015), algorithm 1, in the efficient order given after it: with ε̂ = ε·√(1-β₂ᵗ) the two are the same. */
export function adamNumbers(options: AdamOptions) {
  const { learningRate, beta1, beta2, epsilon, step } = options;
  const correction2 = Math.sqrt(1 - beta2 ** step);
  return {
    ...common(options),
    rate: (learningRate * correction2) / (1 - beta1 ** step),
    weight1: 1 - beta1,
    weight2: 1 - beta2,
    epsilon: epsilon * correction2,
  };
}

/** Of Kingma & Ba (2015), algorithm 2. */
export function adamaxNumbers(options: AdamOptions) {
  const { learningRate, beta1, beta2, epsilon, step } = options;
  return { ...common(options), rate: learningRate / (1 - beta1 ** step), weight1: 1 - beta1, beta2, epsilon };
}

/** Of gradient descent: the step goes along velocityWeight·v + gradientWeight·g. */
export function momentumNumbers(options: MomentumOptions) {
  const { learningRate, momentum, nesterov = false } = options;
  const [velocityWeight, gradientWeight] = nesterov ? [momentum, 1] : [1, 0];
  return { ...common(options), rate: learningRate, momentum, velocityWeight, gradientWeight };
}
