import { scratch } from "./scratch";

// Random draws by Philox, and what is made from grey levels. The rules for all kernels stand in index.ts.

// Word j of four successive blocks of Philox, and with them the numbers made from it.
let w0: v128 = i32x4.splat(0);
let w1: v128 = i32x4.splat(0);
let w2: v128 = i32x4.splat(0);
let w3: v128 = i32x4.splat(0);

// What turn() returns: a function has one result only.
let cosine: v128 = f32x4.splat(0);
let sine: v128 = f32x4.splat(0);

/** Philox 4×32-10 (Salmon et al. 2011) of the four counters (block + 0..3, sample, example, step), to w0..w3. */
function philox(block: u32, sample: u32, example: u32, step: u32, key0: u32, key1: u32): void {
  let c0 = i32x4.add(i32x4.splat(block), i32x4(0, 1, 2, 3));
  let c1 = i32x4.splat(sample);
  let c2 = i32x4.splat(example);
  let c3 = i32x4.splat(step);
  let k0 = i32x4.splat(key0);
  let k1 = i32x4.splat(key1);
  const multiplier0 = i32x4.splat(0xd2511f53);
  const multiplier1 = i32x4.splat(0xcd9e8d57);
  for (let round = 0; round < 10; round++) {
    // 64-bit products of lanes 0, 1 and of lanes 2, 3; their even 32-bit lanes are the low words, the odd the high.
    const p0 = i64x2.extmul_low_i32x4_u(c0, multiplier0);
    const q0 = i64x2.extmul_high_i32x4_u(c0, multiplier0);
    const p1 = i64x2.extmul_low_i32x4_u(c2, multiplier1);
    const q1 = i64x2.extmul_high_i32x4_u(c2, multiplier1);
    c0 = v128.xor(v128.xor(v128.shuffle<i32>(p1, q1, 1, 3, 5, 7), c1), k0);
    c2 = v128.xor(v128.xor(v128.shuffle<i32>(p0, q0, 1, 3, 5, 7), c3), k1);
    c1 = v128.shuffle<i32>(p1, q1, 0, 2, 4, 6);
    c3 = v128.shuffle<i32>(p0, q0, 0, 2, 4, 6);
    k0 = i32x4.add(k0, i32x4.splat(0x9e3779b9));
    k1 = i32x4.add(k1, i32x4.splat(0xbb67ae85));
  }
  w0 = c0;
  w1 = c1;
  w2 = c2;
  w3 = c3;
}

/** From word j of each block to block by block, the order in memory: w0 becomes the four words of the first block. */
@inline
function transpose(): void {
  const a = v128.shuffle<i32>(w0, w1, 0, 4, 1, 5);
  const b = v128.shuffle<i32>(w2, w3, 0, 4, 1, 5);
  const c = v128.shuffle<i32>(w0, w1, 2, 6, 3, 7);
  const d = v128.shuffle<i32>(w2, w3, 2, 6, 3, 7);
  w0 = v128.shuffle<i64>(a, b, 0, 2);
  w1 = v128.shuffle<i64>(a, b, 1, 3);
  w2 = v128.shuffle<i64>(c, d, 0, 2);
  w3 = v128.shuffle<i64>(c, d, 1, 3);
}

/** Writes the four blocks, or as many of their 16 numbers as the row still takes. Returns where the next go. */
@inline
function storeBlocks(out: usize, remaining: u32): usize {
  transpose();
  const target = remaining >= 16 ? out : scratch;
  v128.store(target, w0);
  v128.store(target, w1, 16);
  v128.store(target, w2, 32);
  v128.store(target, w3, 48);
  if (remaining >= 16) return out + 64;
  memory.copy(out, scratch, <usize>remaining << 2);
  return out + (<usize>remaining << 2);
}

/** The 24 upper bits as a fraction: in [0, 1), exact. */
@inline
function fraction(word: v128): v128 {
  return f32x4.mul(f32x4.convert_i32x4_s(i32x4.shr_u(word, 8)), f32x4.splat(<f32>(1.0 / 16777216.0)));
}

/**
 * √(-2 log u) with u = (word + ½)·2⁻³²: the radius of Box & Muller (1958), at most 6.77.
 *
 * u = f·2ᵉ with f in [√½, √2), and log f = 2 artanh(s) with s = (f-1)/(f+1), of which an odd polynomial is taken
 * (fitted at Chebyshev nodes; its own error is below 3e-9). Where u itself is in [√½, 1), f-1 is made from 1-u, counted
 * in integers, so that radii near zero keep their relative accuracy.
 */
@inline
function radius(word: v128): v128 {
  const half = f32x4.splat(0.5);
  const bits = f32x4.add(f32x4.convert_i32x4_u(word), half); // u·2³², its bits read as an integer
  const exponent = i32x4.shr_s(i32x4.sub(bits, i32x4.splat(0x3f3504f3)), 23); // 0x3f3504f3 is √½
  const f = i32x4.sub(bits, i32x4.shl(exponent, 23));
  const below1 = f32x4.mul(f32x4.add(f32x4.convert_i32x4_u(v128.not(word)), half), f32x4.splat(-2.3283064365386963e-10));
  const excess = v128.bitselect(below1, f32x4.sub(f, f32x4.splat(1)), i32x4.eq(exponent, i32x4.splat(32))); // f - 1
  const s = f32x4.div(excess, f32x4.add(excess, f32x4.splat(2)));
  const z = f32x4.mul(s, s);
  let series = f32x4.add(f32x4.mul(z, f32x4.splat(0.14800908)), f32x4.splat(0.19994143));
  series = f32x4.add(f32x4.mul(z, series), f32x4.splat(0.33333343));
  const artanh = f32x4.add(s, f32x4.mul(s, f32x4.mul(z, series)));
  const e = f32x4.convert_i32x4_s(i32x4.sub(i32x4.splat(32), exponent));
  // -2 log u = -2 log 2 · (exponent - 32) - 4 artanh(s)
  return f32x4.sqrt(f32x4.sub(f32x4.mul(e, f32x4.splat(1.3862944)), f32x4.mul(artanh, f32x4.splat(4))));
}

/**
 * Cosine and sine, in that order to `cosine` and `sine`, of the angle 2π·word·2⁻³².
 * The nearest quarter turn is taken off exactly, in integers; those of the rest t·π/4, t in [-1, 1), are polynomials
 * (fitted at Chebyshev nodes; their own error is below 4e-9).
 */
@inline
function turn(word: v128): void {
  const t = f32x4.mul(f32x4.convert_i32x4_s(i32x4.shl(word, 2)), f32x4.splat(<f32>(1.0 / 2147483648.0)));
  const q = f32x4.mul(t, t);
  let s = f32x4.add(f32x4.mul(q, f32x4.splat(-3.59544e-5)), f32x4.splat(0.002490007));
  s = f32x4.add(f32x4.mul(q, s), f32x4.splat(-0.080745436));
  s = f32x4.add(f32x4.mul(q, s), f32x4.splat(0.78539816));
  s = f32x4.mul(s, t);
  let c = f32x4.add(f32x4.mul(q, f32x4.splat(3.5419603e-6)), f32x4.splat(-3.2596139e-4));
  c = f32x4.add(f32x4.mul(q, c), f32x4.splat(0.015854338));
  c = f32x4.add(f32x4.mul(q, c), f32x4.splat(-0.30842513));
  c = f32x4.add(f32x4.mul(q, c), f32x4.splat(1));
  // The quarter is in the two upper bits of word + 1/8 turn: 0 gives (c, s), 1 (-s, c), 2 (-c, -s), 3 (s, -c).
  const quarter = i32x4.add(word, i32x4.splat(0x20000000));
  const swap = i32x4.shr_s(i32x4.shl(quarter, 1), 31);
  const sign = i32x4.splat(0x80000000);
  cosine = v128.xor(v128.bitselect(s, c, swap), v128.and(i32x4.add(quarter, i32x4.splat(0x40000000)), sign));
  sine = v128.xor(v128.bitselect(c, s, swap), v128.and(quarter, sign));
}

/** Box & Muller (1958): words 0 and 1 of each block make one pair of standard normals, words 2 and 3 another. */
@inline
function boxMuller(): void {
  let r = radius(w0);
  turn(w1);
  w0 = f32x4.mul(r, cosine);
  w1 = f32x4.mul(r, sine);
  r = radius(w2);
  turn(w3);
  w2 = f32x4.mul(r, cosine);
  w3 = f32x4.mul(r, sine);
}

export function normals(
  out: usize, key0: u32, key1: u32, step: u32, example: usize, rows: u32, columns: u32, sampleStart: u32, samples: u32,
): void {
  for (let sample: u32 = 0; sample < samples; sample++) {
    for (let row: u32 = 0; row < rows; row++) {
      const index = load<u32>(example + ((<usize>row) << 2));
      for (let column: u32 = 0; column < columns; column += 16) {
        philox(column >> 2, sampleStart + sample, index, step, key0, key1);
        boxMuller();
        out = storeBlocks(out, columns - column);
      }
    }
  }
}

export function uniforms(
  out: usize, key0: u32, key1: u32, step: u32, example: usize, rows: u32, columns: u32, sampleStart: u32, samples: u32,
): void {
  for (let sample: u32 = 0; sample < samples; sample++) {
    for (let row: u32 = 0; row < rows; row++) {
      const index = load<u32>(example + ((<usize>row) << 2));
      for (let column: u32 = 0; column < columns; column += 16) {
        philox(column >> 2, sampleStart + sample, index, step, key0, key1);
        w0 = fraction(w0);
        w1 = fraction(w1);
        w2 = fraction(w2);
        w3 = fraction(w3);
        out = storeBlocks(out, columns - column);
      }
    }
  }
}

/** Eight pixels from the eight 16-bit halves of one block: 1 where the half is below the pixel's threshold, else 0. */
@inline
function binarizeBlock(out: usize, pixels: usize, random: v128): void {
  const v = v128.load64_zero(pixels);
  // Each byte twice is v·257. random < v·257 + (v >> 7), with the last term taken from the left side, since 255 would
  // make 65,536: saturating keeps 0 at 0, and v·257 is above 0 wherever v >> 7 is 1.
  const scaled = v128.shuffle<u8>(v, v, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7);
  const isZero = i16x8.ge_u(i16x8.sub_sat_u(random, i16x8.shr_u(scaled, 15)), scaled);
  const one = f32x4.splat(1);
  v128.store(out, v128.andnot(one, i32x4.extend_low_i16x8_s(isZero)));
  v128.store(out, v128.andnot(one, i32x4.extend_high_i16x8_s(isZero)), 16);
}

export function binarize(
  out: usize, pixels: usize, key0: u32, key1: u32, step: u32, example: usize, rows: u32, columns: u32,
): void {
  for (let row: u32 = 0; row < rows; row++) {
    const index = load<u32>(example + ((<usize>row) << 2));
    for (let column: u32 = 0; column < columns; column += 32) {
      const remaining = columns - column;
      if (remaining >= 32) {
        // Black pixels need no draw, and much of a picture is black.
        if (!v128.any_true(v128.or(v128.load(pixels), v128.load(pixels, 16)))) {
          for (let i: usize = 0; i < 128; i += 16) v128.store(out + i, i32x4.splat(0));
          out += 128;
          pixels += 32;
          continue;
        }
        philox(column >> 3, 0, index, step, key0, key1);
        transpose();
        binarizeBlock(out, pixels, w0);
        binarizeBlock(out + 32, pixels + 8, w1);
        binarizeBlock(out + 64, pixels + 16, w2);
        binarizeBlock(out + 96, pixels + 24, w3);
        out += 128;
        pixels += 32;
      } else {
        philox(column >> 3, 0, index, step, key0, key1);
        transpose();
        v128.store(scratch, w0);
        v128.store(scratch, w1, 16);
        v128.store(scratch, w2, 32);
        v128.store(scratch, w3, 48);
        for (let i: u32 = 0; i < remaining; i++) {
          const v = <u32>load<u8>(pixels);
          const random = <u32>load<u16>(scratch + ((<usize>i) << 1));
          store<f32>(out, random < v * 257 + (v >> 7) ? 1 : 0);
          out += 4;
          pixels += 1;
        }
      }
    }
  }
}

export function unitInterval(out: usize, pixels: usize, length: u32): void {
  const end = pixels + length;
  const top = f32x4.splat(255);
  for (; pixels + 4 <= end; pixels += 4, out += 16) {
    const v = i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(pixels)));
    v128.store(out, f32x4.div(f32x4.convert_i32x4_s(v), top));
  }
  for (; pixels < end; pixels++, out += 4) store<f32>(out, <f32>load<u8>(pixels) / 255);
}
