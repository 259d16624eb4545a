import type { Description } from "./config.describe.ts";
import { conditionKinds, listOf } from "./config.parts.descriptions.ts";

export const condition: Description = {
  text: "What the model is conditional on (Sohn et al. 2015): p(x|z, c). Default: null, nothing.",
  keys: {
    on: {
      text: 'Conditions by name: "label", the class of each example; a factor of the data; or a column of data.conditions. Labels and factors are classes unless said otherwise, columns are numbers.',
      each: {
        kinds: {
          "*": { keys: { name: "Of the condition.", as: `How it is given to the model. ${listOf(conditionKinds)}.` } },
        },
      },
    },
    encoder: "Whether the encoder sees the condition, q(z|x, c), as the decoder always does.",
    prior: "Whether the prior is p(z|c), a normal whose mean and variance a layer makes of the condition.",
  },
};
