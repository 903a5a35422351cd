"use strict";
// What the explorer knows of a member: its codes, the posteriors of the images to pick, and its decoder or pictures of a
// grid of codes, each unpacked when it is first needed.

klsweep.ExplorerMember = class {
  #data;
  #explorer;
  #codes;
  #posteriors;
  #decoder;
  #means;
  #tiles;

  /** `data` is one of `explorer.members`, `member` that of `members` which it belongs to. */
  constructor(data, member, explorer) {
    this.#data = data;
    this.#explorer = explorer;
    this.#means = new Float32Array(explorer.columns.length || explorer.width * explorer.height * explorer.channels);
    this.member = member;
    this.id = data.member;
    this.c = data.c;
    this.run = data.run;
    this.label = member.label;
    this.dimensions = data.dimensions;
    /** Whether its decoder is in the page. */
    this.live = Boolean(data.decoder);
    /** What makes means of its decoder's outputs. */
    this.link = data.decoder?.link;
  }

  /** `{ count, x, y }`, the means of test images in the dimensions shown; null where the data were not at hand. */
  get codes() {
    if (this.#codes === undefined) {
      const packed = this.#data.codes && klsweep.decoder.columns(this.#data.codes);
      const axis = (column) => Float32Array.from({ length: packed.rows }, (_, row) => packed.at(row, column));
      this.#codes = packed && { count: packed.rows, x: axis(0), y: this.dimensions.length > 1 ? axis(1) : null };
    }
    return this.#codes;
  }

  /** Mean and standard deviation of all dimensions of a picked image, and their KL; null where they are not known. */
  posterior(image) {
    if (!this.#data.posteriors) return null;
    const { columns } = klsweep.decoder;
    this.#posteriors ??= { mean: columns(this.#data.posteriors.mean), logVar: columns(this.#data.posteriors.log_var) };
    const of = (all) => Float32Array.from({ length: this.#explorer.latent }, (_, dimension) => all.at(image, dimension));
    const [mean, logVar] = [of(this.#posteriors.mean), of(this.#posteriors.logVar)];
    const kl = mean.reduce((sum, m, d) => sum + 0.5 * (m * m + Math.exp(logVar[d]) - 1 - logVar[d]), 0);
    return { mean, std: logVar.map((v) => Math.exp(v / 2)), kl };
  }

  /** The decoder's means for a code of all latent dimensions, valid until the next call; null where the decoder is not in the page. */
  decode(z) {
    if (!this.live) return null;
    this.#decoder ??= new klsweep.decoder.Decoder(this.#data.decoder);
    return this.#decoder.decode(z, this.#means);
  }

  /** Draws what is decoded at a code, or the nearest of the pictures that there are, onto a canvas. */
  paint(canvas, z) {
    const { width, height, columns } = this.#explorer;
    if (columns.length) return; // A row of a table has no picture.
    if (this.live) {
      klsweep.decoder.paint(canvas, this.decode(z), width, height);
      return;
    }
    const { values } = this.#data.tiles;
    const nearest = (value) => values.reduce((best, other, i) => (Math.abs(other - value) < Math.abs(values[best] - value) ? i : best), 0);
    const [column, row] = this.dimensions.map((dimension) => nearest(z[dimension]));
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const draw = () => {
      const top = row === undefined ? 0 : (values.length - 1 - row) * height;
      canvas.getContext("2d").drawImage(this.#tiles, column * width, top, width, height, 0, 0, width, height);
    };
    if (this.isLoaded) draw();
    else this.loaded().then(draw);
  }

  get isLoaded() { return this.live || Boolean(this.#tiles?.complete); }

  /** When `paint` can draw at once. */
  loaded() {
    if (this.live) return Promise.resolve();
    this.#tiles ??= Object.assign(new Image(), { src: `data:image/png;base64,${this.#data.tiles.png}` });
    return this.#tiles.decode();
  }

  /** The code of a point of the plane: `others` in the dimensions that are not shown. */
  code(point, others) {
    const z = Float32Array.from(others);
    this.dimensions.forEach((dimension, axis) => { z[dimension] = point[axis]; });
    return z;
  }

  /** The extent of the codes, `[[least, greatest], ...]` for each dimension shown. */
  get extent() {
    const ends = (values) => values.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [Infinity, -Infinity]);
    return this.codes && [this.codes.x, ...(this.codes.y ? [this.codes.y] : [])].map(ends);
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
