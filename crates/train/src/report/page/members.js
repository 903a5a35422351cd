"use strict";
// What the explorer knows of a member: its codes, the posteriors of the images to pick, and its decoder, each unpacked
// when it is first needed.

klsweep.ExplorerMember = class {
  #data;
  #latent;
  #codes;
  #posteriors;
  #decoder;

  /** `data` is one of `explorer.members`, `member` that of `members` which it belongs to. */
  constructor(data, member, latent) {
    this.#data = data;
    this.#latent = latent;
    this.member = member;
    this.id = data.member;
    this.c = data.c;
    this.run = data.run;
    this.seed = data.seed;
    this.dimensions = data.dimensions;
  }

  get latent() { return this.#latent; }

  /** `{ count, x, y }`, the means of the test images in the dimensions shown; null where the data were not at hand. */
  get codes() {
    if (this.#codes === undefined) this.#codes = this.#unpackCodes();
    return this.#codes;
  }

  #unpackCodes() {
    const packed = this.#data.codes;
    if (!packed) return null;
    const all = klsweep.decoder.int16(packed.values);
    const width = this.dimensions.length;
    const count = all.length / width;
    const axis = (d) => Float32Array.from({ length: count }, (_, i) => packed.offset[d] + packed.scale[d] * all[i * width + d]);
    return { count, x: axis(0), y: width > 1 ? axis(1) : null };
  }

  /** Mean and standard deviation of all dimensions of a picked image; null where they are not known. */
  posterior(image) {
    if (!this.#data.posteriors) return null;
    this.#posteriors ??= {
      mean: klsweep.decoder.float32(this.#data.posteriors.mean),
      logVar: klsweep.decoder.float32(this.#data.posteriors.log_var),
    };
    const part = (all) => all.subarray(image * this.#latent, (image + 1) * this.#latent);
    const [mean, logVar] = [part(this.#posteriors.mean), part(this.#posteriors.logVar)];
    const kl = mean.reduce((sum, m, d) => sum + 0.5 * (m * m + Math.exp(logVar[d]) - 1 - logVar[d]), 0);
    return { mean, std: logVar.map((v) => Math.exp(v / 2)), kl };
  }

  /** Grey levels of a code of all latent dimensions. */
  decode(z, out) {
    this.#decoder ??= new klsweep.decoder.Decoder(this.#data.layers);
    return this.#decoder.decode(z, out);
  }

  /** The code of a point of the plane: `others` in the dimensions that are not shown. */
  code(point, others) {
    const z = Float32Array.from(others);
    this.dimensions.forEach((dimension, axis) => { z[dimension] = point[axis]; });
    return z;
  }

  /** The extent of the codes, `[[least, greatest], ...]` for each dimension shown. */
  get extent() {
    return this.codes && [this.codes.x, ...(this.codes.y ? [this.codes.y] : [])].map((values) => d3.extent(values));
  }

  /** The code nearest to a point, `{ index, distance }`. */
  nearest([x, y]) {
    const { codes } = this;
    let [index, least] = [-1, Infinity];
    for (let i = 0; i < codes.count; i++) {
      const dx = codes.x[i] - x;
      const dy = codes.y ? codes.y[i] - y : 0;
      const squared = dx * dx + dy * dy;
      if (squared < least) [index, least] = [i, squared];
    }
    return { index, distance: Math.sqrt(least) };
  }
};
