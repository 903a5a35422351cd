"use strict";
// What the explorer shows, and what can be done to it. Its parts listen for what they draw; none knows of another.

klsweep.ExplorerStore = class {
  static #MOST_PINS = 24;
  #listeners = [];
  #nextPin = 1;

  /**
   * `report` is the page's data. What is shown:
   *
   * - `index`, the member, by its position in `members`
   * - `point` of the plane, and the code in the dimensions `others` than those of the plane
   * - `picked`, a test image, or null
   * - `pins`, `{ number, index, point, z }`, and `path`, `{ from, to, t, playing }`, or null
   * - `range`, "prior", "all" or "own"; `background`, "codes", "grid" or "both"; the classes that are `hidden`
   */
  constructor(report) {
    const data = report.explorer;
    Object.assign(this, { report, width: data.width, height: data.height, latent: data.latent, every: data.every, columns: data.columns, classNames: data.classes });
    this.flat = data.latent === 1;
    this.members = data.members.map((entry) => new klsweep.ExplorerMember(entry, report.members[entry.member], data));
    this.labels = data.labels ? klsweep.decoder.bytes(data.labels).filter((_, image) => image % data.every === 0) : null;
    this.classes = this.labels ? this.labels.reduce((most, label) => Math.max(most, label + 1), 0) : 0;
    this.images = data.images && { ...data.images, pixels: klsweep.decoder.bytes(data.images.pixels) };
    this.hasCodes = this.members.some(({ codes }) => codes);

    const recommended = report.recommendation.purposes.flatMap(({ coefficients }) => coefficients);
    const first = this.members.findIndex(({ c }) => c === (recommended[0] ?? 1));
    Object.assign(this, {
      index: Math.max(0, first), point: this.flat ? [0.5] : [0.5, 0.5], others: new Float32Array(this.latent), picked: null,
      pins: [], path: null, range: "prior", background: this.hasCodes || this.columns.length ? "codes" : "grid", hidden: new Set(),
    });
  }

  /** What a class is called. */
  nameOf(label) { return this.classNames[label] ?? String(label); }

  get member() { return this.members[this.index]; }
  get code() { return this.member.code(this.point, this.others); }

  /** Calls `listener` after each change of one of these names. */
  on(names, listener) { this.#listeners.push({ names, listener }); }

  /** Changes what is shown, and tells those who listen. */
  set(changes) {
    Object.assign(this, changes);
    for (const { names, listener } of this.#listeners) if (names.some((name) => name in changes)) listener(changes);
  }

  /** Everybody draws for the first time. */
  start() { this.#listeners.forEach(({ listener }) => listener({})); }

  /** The posterior of the picked image; null where none is picked, or it is not known. */
  get posterior() { return this.picked === null ? null : this.member.posterior(this.picked); }

  /** In the dimensions that are not shown a picked image has its mean. */
  #othersOf(index, picked) {
    const posterior = picked === null ? null : this.members[index].posterior(picked);
    return posterior ? Float32Array.from(posterior.mean) : new Float32Array(this.latent);
  }

  select(index) {
    this.set({ index, ...(this.picked === null ? {} : { others: this.#othersOf(index, this.picked) }) });
  }

  moveTo(point) { this.set({ point: [...point] }); }

  /** Picks a test image, or none; goes to its mean if asked to. */
  pick(image, go = false) {
    if (go) this.stop();
    const changes = { picked: image, others: this.#othersOf(this.index, image) };
    const posterior = go && image !== null ? this.member.posterior(image) : null;
    if (posterior) changes.point = this.member.dimensions.map((dimension) => posterior.mean[dimension]);
    this.set(changes);
  }

  setOther(dimension, value) {
    const others = Float32Array.from(this.others);
    others[dimension] = value;
    this.set({ others });
  }

  pin(point) {
    this.stop();
    const pin = { number: this.#nextPin++, index: this.index, point: [...point], z: this.member.code(point, this.others) };
    this.set({ point: [...point], pins: [...this.pins, pin].slice(-klsweep.ExplorerStore.#MOST_PINS) });
  }

  unpin(pin) { this.set({ pins: this.pins.filter((other) => other !== pin) }); }

  /** The way from one point to another, at its end. */
  draw(from, to) { this.set({ path: { from, to, t: 1, playing: false }, point: [...to] }); }

  /** Goes to a place of the way, from 0 to 1. */
  along(t) {
    const { path } = this;
    this.set({ path: { ...path, t }, point: path.from.map((value, axis) => value + t * (path.to[axis] - value)) });
  }

  stop() { if (this.path?.playing) this.set({ path: { ...this.path, playing: false } }); }

  /** Takes back the last kind of mark: the way, else pins and picked image. */
  clear() {
    if (this.path) this.set({ path: null });
    else {
      this.pick(null);
      this.set({ pins: [] });
    }
  }

  /** The extent of the axes for a member. */
  region(member) {
    const prior = [-4, 4]; // four standard deviations hold all but 1 in 16,000 codes of a dimension
    if (this.range === "all" && this.hasCodes) {
      const extents = this.members.flatMap(({ extent }) => (extent ? [extent] : []));
      return this.#square((this.flat ? [0] : [0, 1]).map((axis) =>
        [Math.min(...extents.map((extent) => extent[axis][0])), Math.max(...extents.map((extent) => extent[axis][1]))]));
    }
    if (this.range === "own" && member.extent) return this.#square(member.extent);
    return this.flat ? [prior] : [prior, prior];
  }

  /** A square region that holds these extents, with a margin. */
  #square(extents) {
    const half = Math.max(1, ...extents.map(([low, high]) => (high - low) / 2)) * 1.06;
    return extents.map(([low, high]) => [(low + high) / 2 - half, (low + high) / 2 + half]);
  }

  /** What is shown, to be kept and restored. */
  state() {
    const { member, members, point, pins, picked, range, background, hidden } = this;
    return {
      member: member.id, c: member.c, run: member.run, z: [...this.code], point: [...point], picked, range, background, hidden: [...hidden],
      pins: pins.map(({ index, point: at, z }) => ({ c: members[index].c, run: members[index].run, point: at, z: [...z] })),
    };
  }

  /** Before anybody draws. */
  restore(saved) {
    const find = ({ c, run }) => this.members.findIndex((member) => member.c === c && member.run === run);
    if (find(saved) >= 0) this.index = find(saved);
    if (saved.point?.length === this.point.length) this.point = saved.point;
    this.range = saved.range ?? this.range;
    if (this.hasCodes && !this.columns.length) this.background = saved.background ?? this.background;
    this.hidden = new Set(saved.hidden ?? []);
    this.picked = this.images && saved.picked !== null && saved.picked < this.images.positions.length ? saved.picked : null;
    this.others = this.#othersOf(this.index, this.picked);
    this.pins = (saved.pins ?? []).flatMap(({ c, run, point, z }) => {
      const index = find({ c, run });
      return index < 0 || z.length !== this.latent ? [] : [{ number: this.#nextPin++, index, point, z: Float32Array.from(z) }];
    });
  }
};

/** Points as text. */
klsweep.coordinates = (point) => {
  const texts = point.map((value) => klsweep.format.number(value));
  return texts.length === 1 ? texts[0] : `(${texts.join(", ")})`;
};

/** Colours of the classes: ten that colour-blind readers tell apart; for more, hues around the circle. */
klsweep.classColors = ({ labels, classes }) => {
  if (!labels) return ["var(--accent)"];
  const color = (k) => (classes <= 10 ? `var(--class-${k})` : `hsl(${Math.round((360 * k) / classes)} 55% ${k % 2 ? 45 : 60}%)`);
  return Array.from({ length: classes }, (_, k) => color(k));
};
