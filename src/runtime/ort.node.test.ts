import type * as Ort from "onnxruntime-node";
import { expect, test, vi } from "vitest";
import { UsageError } from "../errors.ts";
import { nodeBackend } from "./ort.node.ts";

// Against a stand-in for the package: a graphics card that is not there at first.

const create = vi.hoisted(() => vi.fn());
vi.mock("onnxruntime-node", async (original) => ({
  ...(await original<typeof Ort>()),
  InferenceSession: { create },
}));

test("a device that is not there is refused with ONNX Runtime's reason, and asked for anew at the next call", async () => {
  create.mockRejectedValueOnce(new Error("Failed to get\n  a WebGPU adapter"));
  const error = await nodeBackend("webgpu", 1).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(UsageError);
  expect((error as Error).message).toMatch(
    /^device: this machine offers no WebGPU \(ONNX Runtime says: Failed to get a WebGPU adapter\); take device "cpu"/,
  );
  create.mockResolvedValue({ release: () => Promise.resolve() });
  const backend = await nodeBackend("webgpu", 1);
  expect(backend.device).toBe("webgpu");
  expect(await nodeBackend("webgpu", 1)).toBe(backend); // and kept from then on
  expect(create).toHaveBeenCalledTimes(2);
});
