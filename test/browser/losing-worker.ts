import "../../src/train/worker.web.ts";

/* The worker that trains, whose graphics device is lost after some epochs. */

const devices: { destroy(): void }[] = [];

interface Adapter {
  requestDevice(...given: unknown[]): Promise<{ destroy(): void }>;
}
const adapter = (globalThis as unknown as { readonly GPUAdapter: { readonly prototype: Adapter } }).GPUAdapter
  .prototype;
const { requestDevice } = adapter;
adapter.requestDevice = async function (this: Adapter, ...given) {
  const device = await requestDevice.apply(this, given);
  devices.push(device);
  return device;
};

let epochs = 0;
const post = globalThis.postMessage.bind(globalThis) as (message: unknown) => void;
globalThis.postMessage = ((message: { readonly event?: { readonly kind: string } }) => {
  if (message.event?.kind === "epoch" && ++epochs === 10) for (const device of devices) device.destroy();
  post(message);
}) as typeof globalThis.postMessage;
