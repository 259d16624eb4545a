/* How a worker of the page answers, and the page asks it. */

/** What a worker is once it is open. */
export interface Opened {
  readonly version: string;
  answer(question: unknown): Promise<unknown>;
}

export type Reply = { readonly answer: unknown } | { readonly error: string };

const scope = globalThis as unknown as {
  onmessage: ((event: MessageEvent<unknown>) => void) | null;
  postMessage(reply: Reply): void;
};

/** Has this worker answer: its first message is a task, which it opens and answers by the version, each later one a question. */
export function answering<Task>(open: (task: Task) => Promise<Opened>): void {
  let opened: Opened | undefined;
  const reply = async (message: unknown): Promise<unknown> => {
    if (opened) return opened.answer(message);
    opened = await open(message as Task);
    return opened.version;
  };
  scope.onmessage = ({ data }) =>
    void reply(data).then(
      (answer) => scope.postMessage({ answer }),
      (error: unknown) =>
        scope.postMessage({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
    );
}

/** The bytes at an address of the page's server. */
export async function bytesAt(address: string): Promise<ArrayBuffer> {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${address}: ${response.status}`);
  return response.arrayBuffer();
}

export const floatsAt = async (address: string): Promise<Float32Array> => new Float32Array(await bytesAt(address));
