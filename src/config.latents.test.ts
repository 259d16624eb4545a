import { expect, test } from "vitest";
import { type PartialConfig, parseConfig } from "./config.ts";

type Model = NonNullable<PartialConfig["model"]>;
const flow = (kind: "planar" | "realnvp" | "iaf"): Model => ({ posterior: { flow: { kind } } });
const dreg = { kind: "iwae", gradient: "dreg" } as const;
const problemOf = (config: PartialConfig): string => {
  try {
    parseConfig(config, "c");
  } catch (error) {
    return (error as Error).message;
  }
  return "none";
};

test.each<[string, PartialConfig, RegExp]>([
  ...(["planar", "realnvp", "iaf"] as const).map((kind): [string, PartialConfig, RegExp] => [
    `dreg with the flow ${kind}`,
    { model: flow(kind), objective: dreg },
    new RegExp(`^c: objective.gradient: "dreg" is for posteriors without a flow, got the flow "${kind}"; take "repara`),
  ]),
  ...(["mixture", "vampprior", "realnvp", "maf"] as const).map((kind): [string, PartialConfig, RegExp] => [
    `capacity with the prior ${kind}`,
    { model: { prior: { kind } }, objective: { kind: "capacity" } },
    new RegExp(`^c: objective.kind: "capacity" needs the prior "standard-normal", got "${kind}": .*moving away`),
  ]),
  ...(["full", "rank-one"] as const).map((covariance): [string, PartialConfig, RegExp] => [
    `a VampPrior with the covariance ${covariance}`,
    { model: { prior: { kind: "vampprior" }, posterior: { covariance } } },
    new RegExp(
      `^c: model.prior.kind: "vampprior" is a mixture of posteriors .*, got the covariance "${covariance}"; take`,
    ),
  ]),
  [
    "a VampPrior with a flow",
    { model: { prior: { kind: "vampprior" }, ...flow("iaf") } },
    /^c: model.prior.kind: "vampprior" is a mixture .*, got the flow "iaf"; take/,
  ],
  [
    "a full covariance of one latent",
    { model: { latent: 1, posterior: { covariance: "full" } } },
    /^c: model.posterior.covariance: "full" needs model.latent of 2 or more, got 1; take "diagonal"/,
  ],
  [
    "a coupling flow of one latent",
    { model: { latent: 1, ...flow("realnvp") } },
    /^c: model.posterior.flow.kind: "realnvp" needs model.latent of 2 or more, got 1; take "iaf" or "planar"/,
  ],
  [
    "a coupling prior of one latent",
    { model: { latent: 1, prior: { kind: "realnvp" } } },
    /^c: model.prior.kind: "realnvp" needs model.latent of 2 or more, got 1; take "mixture" or "maf"/,
  ],
])("refused: %s", (_name, config, problem) => {
  expect(problemOf(config)).toMatch(problem);
});

test("what does go together is taken", () => {
  for (const config of [
    { model: flow("realnvp"), objective: { kind: "iwae" } },
    { model: { posterior: { covariance: "full" } }, objective: dreg },
    { model: { prior: { kind: "vampprior" } }, objective: dreg },
    { model: { prior: { kind: "maf" }, posterior: { covariance: "rank-one", flow: { kind: "iaf" } } } },
    { model: flow("planar"), objective: { kind: "capacity" } },
  ] as const satisfies readonly PartialConfig[])
    expect(problemOf(config)).toBe("none");
});
