// What both JavaScript peers feed their steps with, in plain JavaScript: it is faster than either library's own draws.

/**
 * Batches of rows in a new order each epoch, binarized anew, with their noise.
 * @param {Uint8Array} pixels (count, width), grey levels
 * @param {{ batch: number, latent: number, width: number }} sizes
 * @returns {() => { x: Float32Array, noise: Float32Array }} arrays that the next call fills anew
 */
export function batches(pixels, { batch, latent, width }) {
  const count = Math.floor(pixels.length / width);
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  const x = new Float32Array(batch * width);
  const noise = new Float32Array(batch * latent);
  const random = generator();
  let place = count;
  return () => {
    if (place + batch > count) {
      for (let i = count - 1; i > 0; i--) {
        const j = (random() >>> 0) % (i + 1);
        const kept = order[i];
        order[i] = order[j];
        order[j] = kept;
      }
      place = 0;
    }
    for (let row = 0; row < batch; row++) {
      const from = order[place++] * width;
      // A draw of 24 bits is below pixel/255 of their range; black pixels, which most are, need none.
      for (let i = 0, to = row * width; i < width; i++, to++) {
        const pixel = pixels[from + i];
        x[to] = pixel > 0 && (random() >>> 8) * 255 < pixel * 0x1000000 ? 1 : 0;
      }
    }
    // Box and Muller (1958): two normals of two uniforms.
    for (let i = 0; i < noise.length; i += 2) {
      const radius = Math.sqrt(-2 * Math.log(((random() >>> 0) + 1) / 0x100000000));
      const angle = ((random() >>> 0) / 0x100000000) * 2 * Math.PI;
      noise[i] = radius * Math.cos(angle);
      if (i + 1 < noise.length) noise[i + 1] = radius * Math.sin(angle);
    }
    return { x, noise };
  };
}

/** Marsaglia's xorshift of 128 bits (2003): 32 bits a call. */
function generator() {
  let [a, b, c, d] = [123456789, 362436069, 521288629, 88675123];
  return () => {
    const t = a ^ (a << 11);
    a = b;
    b = c;
    c = d;
    d = d ^ (d >>> 19) ^ t ^ (t >>> 8);
    return d;
  };
}
