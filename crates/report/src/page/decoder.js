"use strict";
// The decoder of a member, computed here: dense layers with ReLU between them, and means from the last one's outputs.

klsweep.decoder = (() => {
  function bytes(base64) {
    if (Uint8Array.fromBase64) return Uint8Array.fromBase64(base64);
    const text = atob(base64);
    const out = new Uint8Array(text.length);
    for (let i = 0; i < out.length; i++) out[i] = text.charCodeAt(i);
    return out;
  }

  /** A copy: a view of another type would need the bytes aligned, and a little-endian machine. */
  function values(base64, size, get) {
    const raw = bytes(base64);
    const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
    return { count: raw.length / size, at: (i) => view[get](i * size, true) };
  }

  function float32(base64) {
    const { count, at } = values(base64, 4, "getFloat32");
    return Float32Array.from({ length: count }, (_, i) => at(i));
  }

  function int16(base64) {
    const { count, at } = values(base64, 2, "getInt16");
    return Int16Array.from({ length: count }, (_, i) => at(i));
  }

  /** The rows of a matrix of 16-bit integers, each column with an offset and a scale: see `Columns` in `packed.rs`. */
  function columns({ offset, scale, values: integers }) {
    const [offsets, scales, all] = [float32(offset), float32(scale), int16(integers)];
    const width = offsets.length;
    return {
      rows: all.length / width,
      at: (row, column) => offsets[column] + scales[column] * all[row * width + column],
    };
  }

  /** What makes a mean of an output: see `Link` in the record. */
  const LINKS = {
    logistic: (x) => 1 / (1 + Math.exp(-x)),
    // By its series where the two terms would cancel.
    continuous_bernoulli: (x) => (Math.abs(x) < 1e-2 ? 0.5 + x / 12 : 1 / (1 - Math.exp(-x)) - 1 / x),
    identity: (x) => x,
  };

  class Decoder {
    #layers;
    #hidden;
    #outputs;
    #mean;

    /** As in the report's data. */
    constructor({ layers, link }) {
      this.#mean = LINKS[link];
      this.#layers = layers.map(({ inputs, outputs, scale, weight, bias }) => {
        const scales = float32(scale);
        const weights = Float32Array.from(int16(weight), (integer, i) => integer * scales[i % outputs]);
        const layer = { inputs, outputs, weight: weights, bias: float32(bias) };
        if (layer.weight.length !== inputs * outputs || layer.bias.length !== outputs) {
          throw new Error(`a layer of ${inputs} x ${outputs} has ${layer.weight.length} weights and ${layer.bias.length} biases`);
        }
        return layer;
      });
      this.#hidden = this.#layers.slice(0, -1).map(({ outputs }) => new Float32Array(outputs));
      this.#outputs = new Float32Array(this.#layers.at(-1).outputs);
    }

    /** The means for a code of all latent dimensions; into `out`, where given. */
    decode(z, out = new Float32Array(this.#outputs.length)) {
      let input = z;
      this.#layers.forEach(({ inputs, outputs, weight, bias }, depth) => {
        const last = depth === this.#layers.length - 1;
        const sums = last ? this.#outputs : this.#hidden[depth];
        sums.set(bias);
        for (let i = 0; i < inputs; i++) {
          const x = input[i];
          if (x === 0) continue; // After a ReLU, that is about half of them.
          for (let j = 0, k = i * outputs; j < outputs; j++, k++) sums[j] += x * weight[k];
        }
        if (!last) for (let j = 0; j < outputs; j++) if (sums[j] < 0) sums[j] = 0;
        input = sums;
      });
      for (let j = 0; j < out.length; j++) out[j] = this.#mean(this.#outputs[j]);
      return out;
    }
  }

  /** Levels, 0 to 1, onto a canvas of exactly the image's size; three of each pixel in colours. */
  function paint(canvas, levels, width, height) {
    const channels = levels.length / (width * height);
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const context = canvas.getContext("2d");
    const image = context.createImageData(width, height);
    // What is below 0 or above 1 is stored as 0 or 255.
    for (let i = 0; i < width * height; i++) {
      const [red, green, blue] = [0, 1, 2].map((channel) => 255 * levels[i * channels + (channels === 3 ? channel : 0)]);
      image.data.set([red, green, blue, 255], 4 * i);
    }
    context.putImageData(image, 0, 0);
  }

  /** Nats that an image loses under these grey levels: its Bernoulli cross-entropy. */
  function reconstruction(image, grey) {
    let sum = 0;
    for (let i = 0; i < grey.length; i++) {
      const p = Math.min(Math.max(grey[i], 1e-12), 1 - 1e-7);
      sum -= image[i] * Math.log(p) + (1 - image[i]) * Math.log1p(-p);
    }
    return sum;
  }

  return { Decoder, bytes, columns, paint, reconstruction };
})();
