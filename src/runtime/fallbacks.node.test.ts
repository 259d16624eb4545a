import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { expect, test } from "vitest";
import { lower } from "../graph/lower.ts";
import { exp } from "../graph/ops/functions.ts";
import { input } from "../graph/tensor.ts";
import type { Backend } from "./backend.ts";
import { onProcessor, operatorsOnProcessor } from "./fallbacks.node.ts";
import { cpuBackend } from "./ort.node.ts";

type Type = Readonly<Record<string, readonly number[]>>;
const node = (op_name: string, provider: string, output: Type, input: Type = { float: [8, 3] }) => ({
  cat: "Node",
  name: `/${op_name}_kernel_time`,
  args: { op_name, provider, input_type_shape: [input], output_type_shape: [output] },
});
const [cpu, webgpu] = ["CPUExecutionProvider", "WebGpuExecutionProvider"];
const numbers = { float: [8, 3] };

test("operators are counted that ran on the processor, but not what is done there with shapes", () => {
  const events = [
    { cat: "Session", name: "model_run" },
    node("MatMul", webgpu, numbers),
    node("Sign", cpu, numbers),
    node("CumSum", cpu, numbers),
    { ...node("CumSum", cpu, numbers), name: "/CumSum_fence_before" },
    node("CumSum", cpu, numbers),
    node("ArgMax", cpu, { int64: [8] }),
    node("Gather", cpu, { int64: [] }, { int64: [2] }),
    node("Concat", cpu, { int64: [2] }, { int64: [1] }),
    node("Gather", cpu, { int64: [8, 2] }, { int64: [8, 4] }),
    node("Shape", cpu, { int64: [2] }),
  ];
  expect(Object.entries(onProcessor(events))).toEqual([
    ["CumSum", 2],
    ["ArgMax", 1],
    ["Gather", 1],
    ["Sign", 1],
  ]);
});

test("a model is run once with a profile, of which nothing is left", async () => {
  const inner = await cpuBackend(1);
  const x = { data: Float32Array.of(1, 2), shape: [2] };
  const steps: string[] = [];
  let written = 1;
  let folder = "";
  const profiled = ({ profileFilePrefix }: { readonly profileFilePrefix: string }): Backend => {
    folder = dirname(profileFilePrefix);
    return {
      ...inner,
      async compile(...given) {
        const executable = await inner.compile(...given);
        return {
          ...executable,
          run(feeds) {
            steps.push("run");
            return executable.run(feeds);
          },
          async release() {
            await executable.release();
            const profile = JSON.stringify([node("Exp", cpu, numbers)]);
            if (written > 0) await writeFile(`${profileFilePrefix}_now.json`, profile);
          },
        };
      },
    };
  };
  const find = () => operatorsOnProcessor(profiled, lower({ y: exp(input("x", [2])) }), { x });
  expect(await find()).toEqual({ Exp: 1 });
  expect(steps).toEqual(["run"]);
  expect(folder).not.toBe("");
  expect(existsSync(folder)).toBe(false);
  written = 0;
  await expect(find()).rejects.toThrow("ONNX Runtime wrote no profile to ");
  expect(existsSync(folder)).toBe(false);
});
