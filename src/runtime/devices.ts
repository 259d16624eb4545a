/** Where Node computes: on the processor, or on the graphics card by WebGPU (over Vulkan, Direct3D 12 or Metal). */
export const nodeDevices = ["cpu", "webgpu"] as const;
export type NodeDevice = (typeof nodeDevices)[number];

/** Where a browser computes: on the processor, or on the graphics card where it offers WebGPU. */
export const webDevices = ["wasm", "webgpu"] as const;
export type WebDevice = (typeof webDevices)[number];
