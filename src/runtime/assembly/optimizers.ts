import { scratch, STAGED } from "./scratch";

// Optimizer steps over flat arrays, four numbers at a time. In all of them the gradient is multiplied by `scale`, and the
// step is longer by `decay` times the parameter: 1 and 0 for neither clipping nor weight decay. The rules stand in
// index.ts.

// New parameters are staged: other threads have read the old ones, and to write to lines that other processors hold takes
// long, but far less so in one long copy than between the moments' stores.

// Arithmetic on subnormal numbers, below 1.2e-38, is many times slower, and moments of a gradient that stays 0 would come
// to it. First moments are held to multiples of 6e-33 and stop at some of them, second ones stay at FLOOR: also multiplied
// by a learning rate, or by 1 - beta2, either is a normal number.

const FLOOR: f32 = 1e-33;
const COARSE: f32 = 1e-25;

/** x, rounded to multiples of 2^-107, 6e-33; infinities and NaN stay. */
@inline
function settled(x: v128): v128 {
  const coarse = f32x4.splat(COARSE);
  return f32x4.sub(f32x4.add(x, coarse), coarse);
}

/** p − (decay·p + change): decay itself, which may be below the rounding of 1, is not subtracted from 1. */
@inline
function stepped(p: v128, decay: v128, change: v128): v128 {
  return f32x4.sub(p, f32x4.add(f32x4.mul(decay, p), change));
}

/** Algorithm 1 of Kingma & Ba (2015) on four numbers at each pointer; the new parameters go to `out`. */
@inline
function adamFour(
  out: usize, parameters: usize, gradients: usize, first: usize, second: usize,
  scale: v128, decay: v128, rate: v128, weight1: v128, weight2: v128, epsilon: v128,
): void {
  const g = f32x4.mul(v128.load(gradients), scale);
  const oldM = v128.load(first);
  const oldV = v128.load(second);
  // The moments as steps towards g and g²: once rounded to float32, β and 1-β would not add up to 1.
  const m = settled(f32x4.add(oldM, f32x4.mul(weight1, f32x4.sub(g, oldM))));
  const v = f32x4.pmax(f32x4.add(oldV, f32x4.mul(weight2, f32x4.sub(f32x4.mul(g, g), oldV))), f32x4.splat(FLOOR));
  const change = f32x4.div(f32x4.mul(rate, m), f32x4.add(f32x4.sqrt(v), epsilon));
  v128.store(first, m);
  v128.store(second, v);
  v128.store(out, stepped(v128.load(parameters), decay, change));
}

/** Algorithm 2 of Kingma & Ba (2015) on four numbers: u, the second moment's place, is the infinity norm. */
@inline
function adamaxFour(
  out: usize, parameters: usize, gradients: usize, first: usize, second: usize,
  scale: v128, decay: v128, rate: v128, weight1: v128, beta2: v128, epsilon: v128,
): void {
  const g = f32x4.mul(v128.load(gradients), scale);
  const oldM = v128.load(first);
  const m = settled(f32x4.add(oldM, f32x4.mul(weight1, f32x4.sub(g, oldM))));
  const u = f32x4.pmax(f32x4.mul(beta2, v128.load(second)), f32x4.add(f32x4.abs(g), epsilon));
  v128.store(first, m);
  v128.store(second, u);
  const change = f32x4.div(f32x4.mul(rate, m), u);
  v128.store(out, stepped(v128.load(parameters), decay, change));
}

/** v = friction·v + g; the step goes along velocity·v + gradient·g. */
@inline
function momentumFour(
  out: usize, parameters: usize, gradients: usize, first: usize,
  scale: v128, decay: v128, rate: v128, friction: v128, velocity: v128, gradient: v128,
): void {
  const g = f32x4.mul(v128.load(gradients), scale);
  const v = settled(f32x4.add(f32x4.mul(friction, v128.load(first)), g));
  v128.store(first, v);
  const change = f32x4.mul(rate, f32x4.add(f32x4.mul(velocity, v), f32x4.mul(gradient, g)));
  v128.store(out, stepped(v128.load(parameters), decay, change));
}

const ADAM = 0;
const ADAMAX = 1;
const MOMENTUM = 2;

/** Four numbers by the rule, which is a constant where this is inlined. */
@inline
function four(
  rule: i32, out: usize, parameters: usize, gradients: usize, first: usize, second: usize,
  scale: v128, decay: v128, rate: v128, a: v128, b: v128, c: v128,
): void {
  if (rule == ADAM) adamFour(out, parameters, gradients, first, second, scale, decay, rate, a, b, c);
  else if (rule == ADAMAX) adamaxFour(out, parameters, gradients, first, second, scale, decay, rate, a, b, c);
  else momentumFour(out, parameters, gradients, first, scale, decay, rate, a, b, c);
}

/** A whole array by one rule. */
@inline
function sweep(
  rule: i32, parameters: usize, gradients: usize, first: usize, second: usize, length: u32,
  scale: f32, decay: f32, rate: f32, a: f32, b: f32, c: f32,
): void {
  const scales = f32x4.splat(scale);
  const decays = f32x4.splat(decay);
  const rates = f32x4.splat(rate);
  const a4 = f32x4.splat(a);
  const b4 = f32x4.splat(b);
  const c4 = f32x4.splat(c);
  const bytes = (<usize>length) << 2;
  const whole = bytes & ~15;
  const staging = scratch + 64;
  for (let start: usize = 0; start < whole; start += STAGED) {
    const end = min<usize>(start + STAGED, whole);
    const staged = staging - start; // where the number at 0 would be
    let i = start;
    // Four times four hide the latency of the square roots.
    for (; i + 64 <= end; i += 64) {
      four(rule, staged + i, parameters + i, gradients + i, first + i, second + i, scales, decays, rates, a4, b4, c4);
      four(rule, staged + i + 16, parameters + i + 16, gradients + i + 16, first + i + 16, second + i + 16, scales, decays, rates, a4, b4, c4);
      four(rule, staged + i + 32, parameters + i + 32, gradients + i + 32, first + i + 32, second + i + 32, scales, decays, rates, a4, b4, c4);
      four(rule, staged + i + 48, parameters + i + 48, gradients + i + 48, first + i + 48, second + i + 48, scales, decays, rates, a4, b4, c4);
    }
    for (; i < end; i += 16)
      four(rule, staged + i, parameters + i, gradients + i, first + i, second + i, scales, decays, rates, a4, b4, c4);
    memory.copy(parameters + start, staging, end - start);
  }
  const rest = bytes - whole;
  if (rest == 0) return;
  // The last one to three numbers take the same path, in scratch.
  memory.fill(scratch, 0, 64);
  memory.copy(scratch, parameters + whole, rest);
  memory.copy(scratch + 16, gradients + whole, rest);
  memory.copy(scratch + 32, first + whole, rest);
  memory.copy(scratch + 48, second + whole, rest);
  four(rule, scratch, scratch, scratch + 16, scratch + 32, scratch + 48, scales, decays, rates, a4, b4, c4);
  memory.copy(parameters + whole, scratch, rest);
  memory.copy(first + whole, scratch + 32, rest);
  if (rule != MOMENTUM) memory.copy(second + whole, scratch + 48, rest);
}

export function adam(
  parameters: usize, gradients: usize, first: usize, second: usize, length: u32,
  scale: f32, decay: f32, rate: f32, weight1: f32, weight2: f32, epsilon: f32,
): void {
  sweep(ADAM, parameters, gradients, first, second, length, scale, decay, rate, weight1, weight2, epsilon);
}

export function adamax(
  parameters: usize, gradients: usize, first: usize, second: usize, length: u32,
  scale: f32, decay: f32, rate: f32, weight1: f32, beta2: f32, epsilon: f32,
): void {
  sweep(ADAMAX, parameters, gradients, first, second, length, scale, decay, rate, weight1, beta2, epsilon);
}

export function momentum(
  parameters: usize, gradients: usize, first: usize, length: u32,
  scale: f32, decay: f32, rate: f32, friction: f32, velocity: f32, gradient: f32,
): void {
  sweep(MOMENTUM, parameters, gradients, first, first, length, scale, decay, rate, friction, velocity, gradient);
}

export function average(target: usize, source: usize, length: u32, weight: f32): void {
  const end = target + ((<usize>length) << 2);
  const weights = f32x4.splat(weight);
  for (; target + 16 <= end; target += 16, source += 16) {
    const old = v128.load(target);
    v128.store(target, f32x4.add(old, f32x4.mul(weights, f32x4.sub(v128.load(source), old))));
  }
  for (; target < end; target += 4, source += 4) {
    const old = load<f32>(target);
    store<f32>(target, old + weight * (load<f32>(source) - old));
  }
}

export function sumOfSquares(x: usize, length: u32): f64 {
  const end = x + ((<usize>length) << 2);
  let sum: f64 = 0;
  while (x + 64 <= end) {
    // 1,024 numbers in float32, 64 to a lane; such sums are added in float64. Four accumulators hide the latency.
    const stop = x + 4096 <= end ? x + 4096 : end;
    let a = f32x4.splat(0);
    let b = f32x4.splat(0);
    let c = f32x4.splat(0);
    let d = f32x4.splat(0);
    for (; x + 64 <= stop; x += 64) {
      let value = v128.load(x);
      a = f32x4.add(a, f32x4.mul(value, value));
      value = v128.load(x, 16);
      b = f32x4.add(b, f32x4.mul(value, value));
      value = v128.load(x, 32);
      c = f32x4.add(c, f32x4.mul(value, value));
      value = v128.load(x, 48);
      d = f32x4.add(d, f32x4.mul(value, value));
    }
    a = f32x4.add(f32x4.add(a, b), f32x4.add(c, d));
    sum += <f64>f32x4.extract_lane(a, 0) + <f64>f32x4.extract_lane(a, 1);
    sum += <f64>f32x4.extract_lane(a, 2) + <f64>f32x4.extract_lane(a, 3);
  }
  for (; x < end; x += 4) {
    const value = load<f32>(x);
    sum += <f64>(value * value);
  }
  return sum;
}
