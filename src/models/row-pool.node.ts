import { RunError } from "../errors.ts";
import { startTaskThread, type TaskThread } from "../runtime/task-threads.node.ts";
import { workerFile } from "../runtime/worker-file.node.ts";
import { columnsOf, type RowNetwork, type RowRunner, type RowSharing, type RowValues } from "./rows.ts";

/** What a thread is sent: a network to open, or rows of one that it has opened. */
export type RowTask =
  | { readonly id: number; readonly network: RowNetwork }
  | { readonly id: number; readonly piece: Piece };

/** Some rows, and the arrays for what comes out. */
export interface Piece {
  readonly values: RowValues;
  readonly rows: number;
  readonly into: Readonly<Record<string, Float32Array>>;
}

/** What a piece lies in. */
export const buffersOf = ({ values, into }: Piece): ArrayBuffer[] =>
  [values, ...Object.values(into)].map(({ buffer }) => buffer as ArrayBuffer);

/** A call of fewer operations, some 10 ms of one core, is not shared. */
const leastFlops = 2 ** 30;
/** A thread is handed so many at a time, which take much longer than the handing … */
const pieceFlops = 2 ** 28;
/** … but of a small network not more than so many times the rows that it computes at once. */
const mostTimes = 16;
/** Pieces that a thread has at once, so that it need not wait for the next. */
const piecesAhead = 2;

/** A thread, and the networks that it has opened or is opening. */
interface Peer {
  /** Answers a piece with the piece. */
  readonly thread: TaskThread<RowTask, Piece | undefined>;
  readonly opened: Map<number, Promise<unknown>>;
}

const failed = (problem: string, cause?: Error) =>
  new RunError(
    `computing rows failed in a thread: ${problem}; load the model with { threads: 1 } and it needs no other thread`,
    { cause },
  );

/**
 * Shares the rows of large calls among threads, each of which computes its rows by itself: ONNX Runtime gains little from
 * a second thread within operators. The calling thread is one of them, and has begun while the others start, which they do
 * when a call first has work for them. Undefined where there is one thread, or no file for another, as in a bundle.
 * @param threads in all
 */
export function rowThreads(threads: number): RowSharing | undefined {
  const file = workerFile(import.meta.url, "models/row-worker.node");
  if (!file || threads < 2) return undefined;
  let peers: readonly Peer[] = [];
  let networks = 0;

  const start = (): Peer => ({ thread: startTaskThread(file, undefined, failed), opened: new Map() });
  const team = (count: number): readonly Peer[] => {
    const left = peers.filter(({ thread }) => !thread.hasEnded()); // others take the place of those that failed
    peers = [...left, ...Array.from({ length: count - left.length }, start)];
    return peers.slice(0, count);
  };
  return {
    share(network, own) {
      const id = networks++;
      const { rowsAtOnce, flops } = network;
      const shared = sharedBytes(network);
      const pieceRows = rowsAtOnce * Math.min(mostTimes, Math.ceil(pieceFlops / (flops * rowsAtOnce)));
      return {
        async apply(values, rows, into) {
          if (rows * flops < leastFlops) return own.apply(values, rows, into);
          const others = team(Math.min(threads, Math.ceil(rows / pieceRows)) - 1);
          await distribute({ network: shared, id, pieceRows, values, rows, into }, own, others);
        },
        release: () => own.release(),
      };
    },
    async close() {
      const last = peers;
      peers = [];
      await Promise.all(last.map(({ thread }) => thread.end()));
    },
  };
}

/** A network whose bytes every thread reads where they lie. */
function sharedBytes(network: RowNetwork): RowNetwork {
  const { bytes, precision } = network.model;
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
  shared.set(bytes);
  return { ...network, model: { bytes: shared, precision } };
}

/** Has a thread open a network, once. */
function open({ thread, opened }: Peer, id: number, network: RowNetwork): Promise<unknown> {
  const opening = opened.get(id) ?? thread.perform({ id, network });
  opened.set(id, opening);
  return opening;
}

interface Call extends Piece {
  readonly id: number;
  readonly network: RowNetwork;
  /** Rows that another thread is handed at a time. */
  readonly pieceRows: number;
}

/**
 * Computes all rows, here and in others: in as many as have opened the network before no rows are left. Where it fails,
 * the others have let go of the call's arrays; they are there for other calls.
 */
function distribute(call: Call, own: RowRunner, others: readonly Peer[]): Promise<void> {
  const { id, network, pieceRows, rows } = call;
  const { rowsAtOnce } = network;
  let next = 0;
  let done = 0;
  return new Promise((resolve, reject) => {
    /** Calls back with one part after the other of the rows that nobody has yet. */
    const eachPart = async (most: () => number, compute: (from: number, count: number) => Promise<void>) => {
      while (next < rows) {
        const from = next;
        const count = Math.min(most(), rows - from);
        next += count;
        await compute(from, count);
        done += count;
        if (done === rows) resolve();
      }
    };
    const fail = (error: unknown) => {
      next = rows;
      void Promise.allSettled(helping).then(() => reject(error));
    };
    /** Less towards the end, so that all threads end at about the same time. */
    const pieceNow = () => {
      const share = (rows - next) / (2 * piecesAhead * (others.length + 1));
      return Math.min(pieceRows, rowsAtOnce * Math.ceil(share / rowsAtOnce));
    };
    const there = ({ thread }: Peer) => {
      let piece: Piece | undefined;
      return eachPart(pieceNow, async (from, count) => {
        const part = partOf(call, network, from, count);
        piece ??= emptyPiece(call);
        piece.values.set(part.values);
        piece = (await thread.perform({ id, piece: { ...piece, rows: count } }, buffersOf(piece)))!;
        for (const [name, array] of Object.entries(part.into)) array.set(piece.into[name]!.subarray(0, array.length));
      });
    };
    const helping = others.map((peer) =>
      open(peer, id, network).then(() => Promise.all(Array.from({ length: piecesAhead }, () => there(peer)))),
    );
    eachPart(
      () => rowsAtOnce,
      (from, count) => {
        const { values, into } = partOf(call, network, from, count);
        return own.apply(values, count, into);
      },
    ).catch(fail);
    for (const helped of helping) helped.catch(fail);
  });
}

/** Views of some rows. */
function partOf({ values, into }: Piece, network: RowNetwork, from: number, rows: number): Piece {
  const { width } = network;
  const views = columnsOf(network).map(({ name, columns }) => [
    name,
    into[name]!.subarray(from * columns, (from + rows) * columns),
  ]);
  return { values: values.subarray(from * width, (from + rows) * width), rows, into: Object.fromEntries(views) };
}

/** Arrays for a piece, which go to a thread and come back. */
function emptyPiece({ network, pieceRows, values }: Call): Piece {
  const arrays = columnsOf(network).map(({ name, columns }) => [name, new Float32Array(pieceRows * columns)]);
  return {
    values: new (values instanceof Uint8Array ? Uint8Array : Float32Array)(pieceRows * network.width),
    rows: 0,
    into: Object.fromEntries(arrays),
  };
}
