import fc from "fast-check";
import { expect, test } from "vitest";
import { UsageError } from "../errors.ts";
import { createKernels } from "./kernels.ts";

test("arrays are zeros in the one fixed memory, aligned to 64 bytes and apart from each other", () => {
  const kernels = createKernels(10_000);
  const arrays = [kernels.float32(3), kernels.uint8(65), kernels.uint32(1), kernels.float32(0), kernels.float32(17)];
  let end = 0;
  for (const array of arrays) {
    expect(array.buffer).toBe(kernels.memory.buffer);
    expect(array.byteOffset % 64).toBe(0);
    expect(array.byteOffset).toBeGreaterThanOrEqual(end);
    expect(array.every((value) => value === 0)).toBe(true);
    end = array.byteOffset + array.byteLength;
  }
  expect(arrays.map((array) => array.length)).toEqual([3, 65, 1, 0, 17]);
  expect(() => kernels.memory.grow(1)).toThrow(RangeError);
});

test("the size asked for can be used, and more is refused with the bytes asked and left", () => {
  for (const bytes of [0, 64, 65536, 1_000_000]) {
    const kernels = createKernels(bytes);
    kernels.float32(Math.floor(bytes / 4));
    const total = kernels.memory.buffer.byteLength;
    expect(() => kernels.uint32(40_000)).toThrow(UsageError);
    expect(() => kernels.uint32(40_000)).toThrow(
      new RegExp(`memory is full: uint32\\(40000\\) takes 160000 bytes, \\d+ of ${total} are left; give createKernels`),
    );
  }
});

test("sizes and lengths that cannot be are refused", () => {
  expect(() => createKernels(-1)).toThrow("kernels: expected a size in bytes from 0 to 4274032460, got -1");
  expect(() => createKernels(2 ** 40)).toThrow(UsageError);
  expect(() => createKernels(Number.NaN)).toThrow(UsageError);
  expect(() => createKernels(64).float32(1.5)).toThrow("float32: length: expected an integer from 0 to");
});

test("arrays of another memory and of another length are refused by every kernel", () => {
  const kernels = createKernels(10_000);
  const strange = new Float32Array(8);
  const [a, b, pixels, example] = [kernels.float32(8), kernels.float32(7), kernels.uint8(8), kernels.uint32(2)];
  const adam = { learningRate: 1, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, step: 1 };
  const calls: [string, () => unknown][] = [
    ["normals: out", () => kernels.normals(strange, [0, 0], 0, example, 4)],
    ["normals: example", () => kernels.normals(a, [0, 0], 0, new Uint32Array(2), 4)],
    ["normals: out: expected 8 numbers, got 7", () => kernels.normals(b, [0, 0], 0, example, 4)],
    ["normals: out: expected 24 numbers, got 8", () => kernels.normals(a, [0, 0], 0, example, 4, 0, 3)],
    ["normals: step", () => kernels.normals(a, [0, 0], -1, example, 4)],
    ["normals: step", () => kernels.normals(a, [0, 0], 2 ** 32, example, 4)],
    ["normals: columns", () => kernels.normals(a, [0, 0], 0, example, 0)],
    ["normals: sampleStart", () => kernels.normals(a, [0, 0], 0, example, 4, -1)],
    ["normals: samples", () => kernels.normals(a, [0, 0], 0, example, 4, 2 ** 32 - 1, 2)],
    ["uniforms: out", () => kernels.uniforms(strange, [0, 0], 0, example, 4)],
    ["binarize: out", () => kernels.binarize(strange, pixels, [0, 0], 0, example, 4)],
    ["binarize: pixels", () => kernels.binarize(a, new Uint8Array(8), [0, 0], 0, example, 4)],
    ["binarize: pixels", () => kernels.binarize(a, pixels.subarray(1), [0, 0], 0, example, 4)],
    ["binarize: step", () => kernels.binarize(a, pixels, [0, 0], 0.5, example, 4)],
    ["unitInterval: out", () => kernels.unitInterval(b, pixels)],
    ["unitInterval: pixels", () => kernels.unitInterval(a, new Uint8Array(8))],
    ["adam: parameters", () => kernels.adam(strange, a, a, a, adam)],
    ["adam: gradients", () => kernels.adam(a, b, a, a, adam)],
    ["adam: first", () => kernels.adam(a, a, b, a, adam)],
    ["adam: second", () => kernels.adam(a, a, a, strange, adam)],
    ["adamax: second", () => kernels.adamax(a, a, a, strange, adam)],
    ["momentum: gradients", () => kernels.momentum(a, b, a, { learningRate: 1, momentum: 0, step: 1 })],
    ["adam: step: expected an integer from 1", () => kernels.adam(a, a, a, a, { ...adam, step: 0 })],
    ["average: source", () => kernels.average(a, b, 0.9)],
    ["average: target", () => kernels.average(strange, a, 0.9)],
    ["sumOfSquares: x", () => kernels.sumOfSquares(strange)],
  ];
  for (const [message, call] of calls) {
    expect(call, message).toThrow(UsageError);
    expect(call).toThrow(message);
  }
});

/** One optimizer's textbook step in float64, on one number: the new parameter and moments. */
type Textbook = (theta: number, g: number, m: number, v: number, t: number, rate: number) => [number, number, number];

const [beta1, beta2, epsilon, decay] = [0.9, 0.999, 1e-3, 0.1];

const optimizers: Readonly<Record<string, { readonly kernel: Optimizer; readonly textbook: Textbook }>> = {
  "adam (Kingma & Ba 2015, algorithm 1)": {
    kernel: (kernels, p, g, m, v, step) => kernels.adam(p, g, m, v, { ...step, beta1, beta2, epsilon }),
    textbook: adamStep,
  },
  "adam with decoupled weight decay (Loshchilov & Hutter 2019, algorithm 2)": {
    kernel: (kernels, p, g, m, v, step) =>
      kernels.adam(p, g, m, v, { ...step, beta1, beta2, epsilon, weightDecay: decay }),
    textbook: (theta, g, m, v, t, rate) => {
      const [next, ...moments] = adamStep(theta, g, m, v, t, rate);
      return [next - rate * decay * theta, ...moments];
    },
  },
  "adam with the gradient scaled": {
    kernel: (kernels, p, g, m, v, step) => kernels.adam(p, g, m, v, { ...step, beta1, beta2, epsilon, scale: 0.3 }),
    textbook: (theta, g, m, v, t, rate) => adamStep(theta, 0.3 * g, m, v, t, rate),
  },
  "adamax (Kingma & Ba 2015, algorithm 2)": {
    kernel: (kernels, p, g, m, v, step) =>
      kernels.adamax(p, g, m, v, { ...step, beta1, beta2, epsilon, weightDecay: decay, scale: 0.3 }),
    textbook: (theta, g, m, u, t, rate) => {
      const m1 = beta1 * m + (1 - beta1) * 0.3 * g;
      const u1 = Math.max(beta2 * u, Math.abs(0.3 * g) + epsilon);
      return [theta - rate * decay * theta - ((rate / (1 - beta1 ** t)) * m1) / u1, m1, u1];
    },
  },
  "gradient descent": {
    kernel: (kernels, p, g, m, _v, step) => kernels.momentum(p, g, m, { ...step, momentum: 0 }),
    textbook: (theta, g, _m, v, _t, rate) => [theta - rate * g, g, v],
  },
  "gradient descent with momentum": {
    kernel: (kernels, p, g, m, _v, step) =>
      kernels.momentum(p, g, m, { ...step, momentum: 0.8, weightDecay: decay, scale: 0.3 }),
    textbook: (theta, g, m, v, _t, rate) => {
      const velocity = 0.8 * m + 0.3 * g;
      return [theta - rate * decay * theta - rate * velocity, velocity, v];
    },
  },
  "gradient descent with Nesterov's momentum": {
    kernel: (kernels, p, g, m, _v, step) => kernels.momentum(p, g, m, { ...step, momentum: 0.8, nesterov: true }),
    textbook: (theta, g, m, v, _t, rate) => {
      const velocity = 0.8 * m + g;
      return [theta - rate * (g + 0.8 * velocity), velocity, v];
    },
  },
};

function adamStep(theta: number, g: number, m: number, v: number, t: number, rate: number): [number, number, number] {
  const m1 = beta1 * m + (1 - beta1) * g;
  const v1 = beta2 * v + (1 - beta2) * g * g;
  const [mHat, vHat] = [m1 / (1 - beta1 ** t), v1 / (1 - beta2 ** t)];
  return [theta - (rate * mHat) / (Math.sqrt(vHat) + epsilon), m1, v1];
}

type Optimizer = (
  kernels: ReturnType<typeof createKernels>,
  p: Float32Array,
  g: Float32Array,
  m: Float32Array,
  v: Float32Array,
  step: { readonly step: number; readonly learningRate: number },
) => void;

test.each(Object.entries(optimizers))("%s, to float32 rounding over 50 steps", (_name, { kernel, textbook }) => {
  for (const length of [1, 3, 4, 7, 64, 101]) {
    const kernels = createKernels(10_000);
    const make = () => kernels.float32(length + 1).subarray(1); // not aligned, as a view into a flat buffer may be
    const [parameters, gradients, first, second] = [make(), make(), make(), make()];
    for (let i = 0; i < length; i++) parameters[i] = Math.sin(i);
    const expected = Array.from(parameters, (theta): [number, number, number] => [theta, 0, 0]);
    for (let step = 1; step <= 50; step++) {
      const learningRate = 0.01 / step;
      for (let i = 0; i < length; i++) {
        const g = Math.fround((Math.cos(i * 7 + step) * 10 ** (i % 5)) / 1e3);
        gradients[i] = g;
        const [theta, m, v] = expected[i]!;
        expected[i] = textbook(theta, g, m, v, step, learningRate);
      }
      kernel(kernels, parameters, gradients, first, second, { step, learningRate });
    }
    for (const [i, [theta, m, v]] of expected.entries()) {
      const scale = 10 ** (i % 5) / 1e3; // of the gradient
      expect(Math.abs(get(parameters, i) - theta)).toBeLessThan(1e-6 * Math.max(1, scale));
      expect(Math.abs(get(first, i) - m)).toBeLessThan(3e-6 * scale);
      expect(Math.abs(get(second, i) - v)).toBeLessThan(1e-6 * Math.max(scale, scale * scale));
    }
  }
});

test.each(Object.entries(optimizers))("%s does not touch what lies beside its arrays", (_name, { kernel }) => {
  const kernels = createKernels(10_000);
  const arrays = [0, 1, 2, 3].map(() => kernels.float32(9).fill(5));
  const [p, g, m, v] = arrays.map((array) => array.subarray(1, 8)) as [F, F, F, F];
  kernel(kernels, p, g, m, v, { learningRate: 1, step: 16 });
  for (const array of arrays) expect([array[0], array[8]]).toEqual([5, 5]);
  expect(p.every((value) => value !== 5)).toBe(true);
});

test("adam's moments of a gradient that stays 0 become small, never subnormal, and a NaN stays NaN", () => {
  const kernels = createKernels(10_000);
  const [p, g, m, v] = [kernels.float32(5), kernels.float32(5), kernels.float32(5), kernels.float32(5)];
  m.fill(1e-30);
  v.fill(1e-30);
  m[2] = Number.NaN;
  for (let step = 1; step <= 800; step++) {
    kernels.adam(p, g, m, v, { learningRate: 0, beta1: 0.9, beta2: 0.9, epsilon: 1e-8, step });
  }
  expect(m[2]).toBeNaN();
  // Nor is what is made of them on the way to a step: arithmetic on subnormals is slow.
  const smallest = 1.1754943508222875e-38;
  for (const i of [0, 1, 3, 4]) {
    expect(m[i]).toBeLessThan(1e-31);
    for (const rate of [1e-6, 1e-4, 1e-2, 0.1]) expect(m[i] === 0 || rate * m[i]! > smallest).toBe(true);
    expect(1e-4 * v[i]!).toBeGreaterThan(smallest);
  }
  expect([...v]).toEqual(Array(5).fill(Math.fround(1e-33)));
});

test("large arrays fit that together take the bytes asked for, and begin at different places of a page", () => {
  const length = 2 ** 14;
  for (const count of [1, 3, 20]) {
    const kernels = createKernels(count * length * 4);
    const places = Array.from({ length: count }, () => kernels.float32(length).byteOffset % 4096);
    for (let i = 1; i < count; i++) expect(places[i]).not.toBe(places[i - 1]);
  }
});

test("average moves the target towards the source by 1 - decay", () => {
  const kernels = createKernels(10_000);
  for (const length of [1, 4, 11]) {
    const [target, source] = [kernels.float32(length), kernels.float32(length)];
    const expected = new Float64Array(length);
    for (let i = 0; i < length; i++) expected[i] = target[i] = Math.fround(Math.sin(i));
    for (let step = 0; step < 50; step++) {
      for (let i = 0; i < length; i++) {
        source[i] = Math.cos(i + step);
        expected[i] = 0.9 * get(expected, i) + 0.1 * get(source, i);
      }
      kernels.average(target, source, 0.9);
    }
    target.forEach((value, i) => {
      expect(Math.abs(value - get(expected, i))).toBeLessThan(1e-6);
    });
  }
});

test("an average of what does not change stays what it is", () => {
  const kernels = createKernels(10_000);
  const [target, source] = [kernels.float32(7).fill(0.1), kernels.float32(7).fill(0.1)];
  for (let step = 0; step < 1000; step++) kernels.average(target, source, 0.999);
  expect(target).toEqual(source);
});

test("sumOfSquares is the exact sum to 2e-6, for any length and at ten million numbers", () => {
  const kernels = createKernels(48_000_000);
  const x = kernels.float32(10_000_000);
  fc.assert(
    fc.property(
      fc.float32Array({ min: Math.fround(-1e18), max: Math.fround(1e18), noNaN: true, maxLength: 4000 }),
      (values) => {
        const part = x.subarray(0, values.length);
        part.set(values);
        const exact = values.reduce((sum, value) => sum + value * value, 0);
        expect(Math.abs(kernels.sumOfSquares(part) - exact)).toBeLessThanOrEqual(2e-6 * exact + 1e-37 * values.length);
      },
    ),
  );
  x.fill(0.1);
  const tenth = Math.fround(0.1);
  expect(kernels.sumOfSquares(x) / (1e7 * tenth * tenth)).toBeCloseTo(1, 5);
});

test("sumOfSquares lets NaN and infinity through from every place", () => {
  const kernels = createKernels(10_000);
  const x = kernels.float32(1100);
  for (const i of [0, 1, 5, 14, 15, 16, 63, 64, 1023, 1024, 1087, 1088, 1098, 1099]) {
    x.fill(1)[i] = Number.NEGATIVE_INFINITY;
    expect(kernels.sumOfSquares(x)).toBe(Number.POSITIVE_INFINITY);
    x[i] = Number.NaN;
    expect(kernels.sumOfSquares(x)).toBeNaN();
  }
});

test("unitInterval is v/255, correctly rounded, for every grey level and length", () => {
  const kernels = createKernels(10_000);
  for (const length of [256, 3, 5]) {
    const pixels = kernels.uint8(length).map((_, i) => 255 - i);
    const [out, source] = [kernels.float32(length), kernels.uint8(length)];
    source.set(pixels);
    kernels.unitInterval(out, source);
    expect(out).toEqual(Float32Array.from(pixels, (v) => v / 255));
  }
});

type F = Float32Array;

function get(array: F | Float64Array, i: number): number {
  return array[i] as number;
}
