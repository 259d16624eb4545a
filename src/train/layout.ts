import { staticSize } from "../graph/shape.ts";
import type { ParameterSpec } from "../nn/parameters.ts";

/** Where a parameter lies in the flat buffer. */
export interface Slot {
  readonly path: string;
  readonly shape: readonly number[];
  readonly role: ParameterSpec["role"];
  readonly offset: number;
  readonly length: number;
}

export interface Layout {
  readonly slots: readonly Slot[];
  /** Floats in all, padding included. */
  readonly total: number;
}

/** Parameters start on a cache line, 16 floats: vector loads in ONNX Runtime and in the optimizer stay aligned. */
const alignment = 16;

/** One flat buffer for all parameters, in the order of declaration. Padding stays 0 through every optimizer step. */
export function layoutOf(specs: readonly ParameterSpec[]): Layout {
  let offset = 0;
  const slots = specs.map(({ path, shape, role }) => {
    const slot = { path, shape, role, offset, length: staticSize(shape) };
    offset += Math.ceil(slot.length / alignment) * alignment;
    return slot;
  });
  return { slots, total: offset };
}

/** The part of a flat buffer that holds one parameter. */
export function viewOf(buffer: Float32Array, { offset, length }: Slot): Float32Array {
  return buffer.subarray(offset, offset + length);
}

/** Contiguous stretches of the flat buffer that together hold the trained parameters among `paths`, padding included. */
export function rangesOf(layout: Layout, paths: ReadonlySet<string>): (readonly [from: number, to: number])[] {
  const ranges: [number, number][] = [];
  for (const [i, slot] of layout.slots.entries()) {
    if (slot.role !== "trained" || !paths.has(slot.path)) continue;
    const end = layout.slots[i + 1]?.offset ?? layout.total;
    const last = ranges.at(-1);
    if (last?.[1] === slot.offset) last[1] = end;
    else ranges.push([slot.offset, end]);
  }
  return ranges;
}
