import { type Asked, answer } from "./opfs-page.ts";

self.onmessage = async ({ data, ports }: MessageEvent<Asked>) => {
  ports[0]?.postMessage(await answer(data));
};
