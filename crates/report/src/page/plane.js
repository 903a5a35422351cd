"use strict";
// The latent plane: the codes and the grid of decoded images on a canvas; axes, the prior, the posterior, pins and the
// point as SVG above it; and what pointer, finger and keys do on it.

klsweep.Plane = class Plane {
  static #MARGIN = { left: 56, right: 10, top: 10, bottom: 42 };
  static #DRAG = 6; // CSS pixels that a press may move and still be a click
  static #SLICE = 8; // milliseconds of decoding a frame for the grid

  #root;
  #canvas;
  #svg;
  #events;
  #size = { width: 0, height: 0, inner: 0, tall: 0 };
  #scene = null;
  #grid = { key: null, canvas: null, done: 0, frame: 0 };

  /** `events`: `point()`, where it is now; `move(point)`, `pin(point)`, `drag(from, to, finished)`, `clear()`. */
  constructor(root, canvas, svg, events) {
    this.#root = root;
    this.#canvas = canvas;
    this.#svg = svg;
    this.#events = events;
    this.#listen();
    new ResizeObserver(() => { if (!klsweep.theme.isPrinting()) this.resize(); }).observe(root);
  }

  /** Fits the plane to its column, or to a width of its own; draws anew what was drawn last. */
  resize(forced) {
    this.#root.style.width = forced ? `${forced}px` : "";
    const width = Math.round(this.#root.clientWidth);
    if (!width || (width === this.#size.width && !forced)) return;
    this.#setSize(width);
    if (this.#scene) this.draw(this.#scene);
  }

  #setSize(width) {
    const { left, right, top, bottom } = Plane.#MARGIN;
    const inner = width - left - right;
    const tall = this.#scene?.flat ? Math.round(0.5 * inner) : inner;
    this.#size = { width, inner, tall, height: tall + top + bottom };
    this.#root.style.height = `${this.#size.height}px`;
    this.#svg.setAttribute("viewBox", `0 0 ${width} ${this.#size.height}`);
  }

  /** A stretch of the axis in pixels, from a value of it. */
  #scales() {
    const { left, top } = Plane.#MARGIN;
    const { inner, tall } = this.#size;
    const { region } = this.#scene;
    const x = klsweep.scale.linear(region[0], [left, left + inner]);
    const y = klsweep.scale.linear(region[1] ?? [0, 1], [top + tall, top]);
    return { x, y };
  }

  /**
   * `scene`: `member`; `region`, the extent of each axis; `flat`, of one dimension; `codes`, `grid`: what to show; `labels`
   * and `hidden`, classes; `colors`; `others`, the code in the dimensions not shown; `marks`, see `drawMarks`.
   */
  draw(scene) {
    const reshaped = this.#scene?.flat !== scene.flat;
    this.#scene = scene;
    if (reshaped || !this.#size.width) this.#setSize(this.#size.width || this.#root.clientWidth || 320);
    this.#drawGrid();
    this.#paint();
    this.#drawAxes();
    this.drawMarks(scene.marks);
  }

  // Canvas ------------------------------------------------------------------------------------------------------------

  #paint() {
    const { left, top } = Plane.#MARGIN;
    const { width, height, inner, tall } = this.#size;
    const { member, codes, grid, labels, hidden, colors } = this.#scene;
    const ratio = klsweep.theme.isPrinting() ? 3 : Math.max(devicePixelRatio, 1);
    Object.assign(this.#canvas, { width: Math.round(width * ratio), height: Math.round(height * ratio) });
    const context = this.#canvas.getContext("2d");
    context.scale(ratio, ratio);
    context.save();
    context.beginPath();
    context.rect(left, top, inner, tall);
    context.clip();
    if (grid && this.#grid.canvas) {
      // Behind codes, the pictures step back.
      if (codes) context.fillRect(left, top, inner, tall);
      context.globalAlpha = codes ? 0.5 : 1;
      const high = this.#scene.flat ? this.#grid.canvas.height * (inner / this.#grid.canvas.width) : tall;
      context.drawImage(this.#grid.canvas, left, top + tall - high, inner, high);
      context.globalAlpha = 1;
    }
    if (codes) {
      const { x, y } = this.#scales();
      Plane.drawCodes(context, { member, labels, hidden, colors, x, y, radius: member.codes.count > 3000 ? 1.25 : 2, alpha: grid ? 0.9 : 0.6 });
    }
    context.restore();
  }

  /** The codes of a member, in the order of the images, so that no class lies above all others. */
  static drawCodes(context, { member, labels, hidden, colors, x, y, radius, alpha, every = 1 }) {
    const { codes } = member;
    if (!codes) return;
    const classes = colors.length;
    context.globalAlpha = alpha;
    for (let i = 0; i < codes.count; i += every) {
      const label = labels ? labels[i] : 0;
      if (hidden.has(label)) continue;
      context.fillStyle = colors[label % classes];
      // Codes of one dimension are strewn over the height, each class in a band of its own.
      const strewn = ((i * 0.6180339887) % 1) * 0.8 + 0.1;
      const vertical = codes.y ? codes.y[i] : labels ? (label + strewn) / classes : strewn;
      context.beginPath();
      context.arc(x(codes.x[i]), y(vertical), radius, 0, 2 * Math.PI);
      context.fill();
    }
    context.globalAlpha = 1;
  }

  /** Decodes a grid over the region, a few milliseconds a frame; one that is there already is kept. */
  #drawGrid() {
    const { member, region, flat, grid, others, height, width } = this.#scene;
    if (!grid) return;
    const columns = Math.max(8, Math.min(21, Math.round(this.#size.inner / 34)));
    const rows = flat ? 1 : columns;
    const key = JSON.stringify([member.id, region, columns, [...others]]);
    if (this.#grid.key === key) return;
    cancelAnimationFrame(this.#grid.frame);
    const canvas = Object.assign(document.createElement("canvas"), { width: columns * width, height: rows * height });
    const context = canvas.getContext("2d");
    const tile = document.createElement("canvas");
    this.#grid = { key, canvas, frame: 0 };
    let at = 0;
    const slice = (all) => {
      const end = performance.now() + Plane.#SLICE;
      while (at < rows * columns && (all || performance.now() < end)) {
        const [row, column] = [Math.floor(at / columns), at % columns];
        const middle = ([low, high], i, n) => low + ((i + 0.5) / n) * (high - low);
        const point = [middle(region[0], column, columns), flat ? 0 : middle(region[1], rows - 1 - row, rows)];
        member.paint(tile, member.code(point, others));
        context.drawImage(tile, column * width, row * height);
        at += 1;
      }
      if (at < rows * columns) this.#grid.frame = requestAnimationFrame(() => { slice(false); this.#paint(); });
    };
    // Pictures that are still loading are drawn when they are there, if they are still wanted.
    if (member.isLoaded) slice(klsweep.theme.isPrinting());
    else member.loaded().then(() => { if (this.#grid.key === key) { slice(true); this.#paint(); } });
  }

  // SVG ---------------------------------------------------------------------------------------------------------------

  #drawAxes() {
    const { svg } = klsweep.dom;
    const { left, top } = Plane.#MARGIN;
    const { inner, tall } = this.#size;
    const { region, flat, titles, classNames } = this.#scene;
    const { x, y } = this.#scales();
    const axes = svg("g");
    const line = (x1, y1, x2, y2) => axes.append(svg("line", { class: "tick", x1, y1, x2, y2 }));
    const text = (attributes, words) => axes.append(svg("text", attributes, words));
    const most = (length) => Math.max(3, Math.min(9, length / 70));
    for (const { value, label } of klsweep.scale.ticks(region[0], most(inner))) {
      line(x(value), top + tall, x(value), top + tall + 5);
      text({ x: x(value), y: top + tall + 18, "text-anchor": "middle" }, label);
    }
    const beside = (at, label) => text({ x: left - 8, y: at, "text-anchor": "end", "dominant-baseline": "central" }, label);
    if (flat) classNames?.forEach((name, i) => beside(y((i + 0.5) / classNames.length), name));
    else {
      for (const { value, label } of klsweep.scale.ticks(region[1], most(tall))) {
        line(left - 5, y(value), left, y(value));
        beside(y(value), label);
      }
    }
    axes.append(svg("rect", { class: "frame", x: left, y: top, width: inner, height: tall }));
    text({ class: "title", x: left + inner / 2, y: top + tall + 37, "text-anchor": "middle" }, titles[0]);
    const vertical = flat ? (classNames ? "class" : "") : titles[1];
    text({ class: "title", transform: `translate(12 ${top + tall / 2}) rotate(-90)`, "text-anchor": "middle" }, vertical);

    const clip = svg("clipPath", { id: "plane-clip" }, svg("rect", { x: left, y: top, width: inner, height: tall }));
    this.#svg.replaceChildren(clip, axes, this.#prior(x, y), svg("g", { class: "marks", "clip-path": "url(#plane-clip)" }));
  }

  /** One and two standard deviations of the prior. */
  #prior(x, y) {
    const { svg } = klsweep.dom;
    const { top } = Plane.#MARGIN;
    const { tall } = this.#size;
    const prior = svg("g", { "clip-path": "url(#plane-clip)" });
    const both = (tag, attributes) => { for (const name of ["halo", "prior"]) prior.append(svg(tag, { class: name, ...attributes })); };
    for (const radius of [1, 2]) {
      if (this.#scene.flat) {
        for (const at of [x(-radius), x(radius)]) both("line", { x1: at, x2: at, y1: top, y2: top + tall });
        prior.append(svg("text", { class: "prior-label", x: x(radius) + 4, y: top + 14 }, `${radius}σ`));
        continue;
      }
      const [rx, ry] = [Math.abs(x(radius) - x(0)), Math.abs(y(radius) - y(0))];
      both("ellipse", { cx: x(0), cy: y(0), rx, ry });
      // Too small a circle has no room for its name.
      if (rx > 14 && (radius === 2 || rx > 40)) {
        const name = `${radius}σ${radius === 2 ? " of the prior" : ""}`;
        prior.append(svg("text", { class: "prior-label", x: x(0), y: y(radius) - 4, "text-anchor": "middle" }, name));
      }
    }
    return prior;
  }

  /** `marks`: `point`; `posterior`, `{ mean, std }` in the plane; `path`, two points; `pins`, `{ point, number, here }`. */
  drawMarks(marks) {
    const { svg } = klsweep.dom;
    this.#scene.marks = marks;
    const { top } = Plane.#MARGIN;
    const { tall } = this.#size;
    const { flat } = this.#scene;
    const { x, y } = this.#scales();
    const place = (point) => [x(point[0]), flat ? top + tall / 2 : y(point[1])];
    const shapes = [];
    const add = (tag, attributes, ...children) => shapes.push(svg(tag, attributes, ...children));
    const both = (tag, attributes, name = "mark") => { for (const one of ["halo", name]) add(tag, { class: one, ...attributes }); };

    if (marks.posterior) {
      const [cx, cy] = place(marks.posterior.mean);
      for (const deviations of [1, 2]) {
        const rx = Math.abs(x(deviations * marks.posterior.std[0]) - x(0));
        const ry = flat ? Math.min(rx, tall / 2 - 2) : Math.abs(y(deviations * marks.posterior.std[1]) - y(0));
        // A posterior smaller than the lines that mark it is a cross alone.
        if (deviations === 2 && Math.max(rx, ry) < 4) continue;
        both("ellipse", { cx, cy, rx, ry }, deviations === 2 ? "ellipse outer" : "ellipse");
      }
      both("path", { d: `M${cx - 9},${cy}h5m8,0h5M${cx},${cy - 9}v5m0,8v5` });
    }
    if (marks.path) {
      const [[x1, y1], [x2, y2]] = marks.path.map(place);
      both("line", { x1, y1, x2, y2 });
      for (const [cx, cy] of [[x1, y1], [x2, y2]]) add("circle", { cx, cy, r: 3.5, fill: "var(--ink)", stroke: "var(--paper)" });
    }
    for (const { point, number, here } of marks.pins) {
      const [cx, cy] = place(point);
      add("g", { class: here ? "pin" : "pin other", transform: `translate(${cx} ${cy})` }, svg("circle", { r: 9 }), svg("text", {}, number));
    }
    const [px, py] = place(marks.point);
    if (flat) both("line", { x1: px, x2: px, y1: top, y2: top + tall });
    else both("circle", { cx: px, cy: py, r: 7 });
    this.#svg.querySelector(".marks").replaceChildren(...shapes);
  }

  // Pointer and keys --------------------------------------------------------------------------------------------------

  /** The point under an event, kept inside the region. */
  #at(event) {
    const box = this.#root.getBoundingClientRect();
    const scale = this.#size.width / box.width;
    const { x, y } = this.#scales();
    const { region, flat } = this.#scene;
    const inside = (value, [low, high]) => Math.max(low, Math.min(value, high));
    const point = [inside(x.invert((event.clientX - box.left) * scale), region[0])];
    if (!flat) point.push(inside(y.invert((event.clientY - box.top) * scale), region[1]));
    return point;
  }

  #listen() {
    const root = this.#root;
    let press = null;
    root.addEventListener("pointerdown", (event) => {
      if (!this.#scene || event.button !== 0 || !event.isPrimary) return;
      root.setPointerCapture(event.pointerId);
      press = { x: event.clientX, y: event.clientY, from: this.#at(event), dragged: false };
      this.#events.move(press.from, true);
    });
    root.addEventListener("pointermove", (event) => {
      if (!this.#scene || !event.isPrimary) return;
      const point = this.#at(event);
      if (press && Math.hypot(event.clientX - press.x, event.clientY - press.y) > Plane.#DRAG) press.dragged = true;
      if (press?.dragged) this.#events.drag(press.from, point, null);
      else if (!press) this.#events.move(point, false);
    });
    root.addEventListener("pointerup", (event) => {
      if (!press) return;
      const { from, dragged } = press;
      press = null;
      if (dragged) this.#events.drag(from, this.#at(event), event.pointerType);
      else this.#events.pin(from);
    });
    root.addEventListener("pointercancel", () => { press = null; });
    root.addEventListener("keydown", (event) => {
      if (!this.#scene || event.ctrlKey || event.metaKey || event.altKey) return;
      const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, -1], ArrowUp: [0, 1] };
      const { region, flat } = this.#scene;
      const now = this.#events.point();
      if (event.key in arrows) {
        // A hundredth of the range a press; a tenth with Shift.
        const step = (event.shiftKey ? 0.1 : 0.01) * (region[0][1] - region[0][0]);
        const point = now.map((value, axis) => {
          const [low, high] = region[axis];
          return Math.max(low, Math.min(value + step * arrows[event.key][axis], high));
        });
        this.#events.move(flat ? [point[0]] : point, true, true);
      } else if (event.key === "Enter" || event.key === " ") this.#events.pin(now);
      else if (event.key === "Escape") this.#events.clear();
      else return;
      event.preventDefault();
    });
  }
};
