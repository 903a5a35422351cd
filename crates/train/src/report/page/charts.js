"use strict";
// A chart: SVG drawn by Plot at the width there is, and the values of its points under the pointer, the finger or the
// arrow keys.

klsweep.chart = (() => {
  const { element } = klsweep.dom;
  const REACH = 48; // CSS pixels from a point within which the pointer shows it
  const all = [];

  /**
   * Draws into `container` now and whenever its width changes.
   *
   * `draw(width)` gives `{ svg, points }`; a point has `x` and `y` in the SVG's units, `key` for what belongs together,
   * `title`, and `rows` of name and value. Points are in the order in which the arrow keys go through them.
   *
   * - `label`: what the chart shows, for those who do not see it
   * - `by`: "xy", the nearest point within reach; "x", the nearest place on the axis
   * - `onPoint(point | null)`: told what is shown, to highlight the same elsewhere
   * - `tip`: false if `onPoint` shows the values itself
   * - `paper`: the width to draw at for print
   */
  function chart(container, { label, draw, by = "xy", onPoint = () => {}, tip = true, paper = 660 }) {
    container.tabIndex = 0;
    container.setAttribute("role", "group");
    container.setAttribute("aria-roledescription", "chart");
    container.setAttribute("aria-label", `${label} Arrow keys go through the values.`);
    container.style.touchAction = "pan-y";
    const box = element("div", { className: "chart-tip", hidden: true, "aria-hidden": "true" });
    const spoken = element("p", { className: "sr-only", role: "status" });
    let drawn = { svg: null, points: [] };
    let width = 0;
    let shown = -1;

    function redraw(forced) {
      const next = Math.round(forced ?? container.clientWidth);
      if (!next) return;
      width = next;
      shown = -1;
      drawn = draw(width);
      drawn.svg.setAttribute("aria-hidden", "true");
      container.replaceChildren(drawn.svg, box, spoken);
      box.hidden = true;
    }

    function show(index, speak) {
      shown = index;
      const point = drawn.points[index];
      d3.select(drawn.svg).selectAll(".shown").remove();
      if (!point) {
        box.hidden = true;
        onPoint(null);
        return;
      }
      d3.select(drawn.svg).append("circle").attr("class", "shown").attr("cx", point.x).attr("cy", point.y).attr("r", 7)
        .attr("fill", "none").attr("stroke", "var(--ink)").attr("stroke-width", 1.5).attr("pointer-events", "none");
      onPoint(point);
      const text = [point.title, ...point.rows.map(([name, value]) => `${name} ${value}`)].join(", ");
      if (speak) spoken.textContent = text;
      if (!tip) return;
      box.replaceChildren(element("b", {}, point.title),
        ...point.rows.map(([name, value]) => element("div", {}, element("span", {}, name), element("span", {}, value))));
      box.hidden = false;
      // Beside the point, on the side that has room, never out of the chart.
      const scale = drawn.svg.getBoundingClientRect().width / width || 1;
      const [x, y] = [point.x * scale, point.y * scale];
      const [w, h] = [box.offsetWidth, box.offsetHeight];
      const left = x + 14 + w <= container.clientWidth ? x + 14 : x - 14 - w;
      box.style.left = `${Math.max(0, Math.min(left, container.clientWidth - w))}px`;
      box.style.top = `${Math.max(0, Math.min(y - h / 2, container.clientHeight - h))}px`;
    }

    function nearest(event) {
      const at = drawn.svg.getBoundingClientRect();
      const scale = width / at.width;
      const [x, y] = [(event.clientX - at.left) * scale, (event.clientY - at.top) * scale];
      let [best, distance] = [-1, by === "xy" ? REACH : Infinity];
      drawn.points.forEach((point, i) => {
        // Where only x counts, y still decides between points at the same place.
        const d = by === "xy" ? Math.hypot(point.x - x, point.y - y) : Math.abs(point.x - x) + 1e-3 * Math.abs(point.y - y);
        if (d < distance) [best, distance] = [i, d];
      });
      return best;
    }

    container.addEventListener("pointermove", (event) => show(nearest(event)));
    container.addEventListener("pointerdown", (event) => show(nearest(event)));
    container.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse") show(-1); });
    container.addEventListener("blur", () => show(-1));
    container.addEventListener("keydown", (event) => {
      const last = drawn.points.length - 1;
      const steps = { ArrowRight: shown + 1, ArrowLeft: shown < 0 ? last : shown - 1, Home: 0, End: last };
      if (event.key === "Escape") show(-1);
      else if (event.key in steps && last >= 0) {
        event.preventDefault();
        show(Math.max(0, Math.min(steps[event.key], last)), true);
      }
    });
    // Not while it is printed: paper has a width of its own.
    new ResizeObserver(() => { if (!klsweep.theme.isPrinting() && Math.round(container.clientWidth) !== width) redraw(); }).observe(container);
    const handle = {
      redraw: () => redraw(),
      paper: () => redraw(paper),
      /** Shows the point of this key without a word, as the same one is shown elsewhere. */
      mark: (key) => {
        d3.select(drawn.svg).selectAll(".marked").remove();
        if (key === null) return;
        for (const point of drawn.points.filter((candidate) => candidate.key === key)) {
          d3.select(drawn.svg).append("circle").attr("class", "marked").attr("cx", point.x).attr("cy", point.y).attr("r", 7)
            .attr("fill", "none").attr("stroke", "var(--muted)").attr("stroke-width", 1.2);
        }
      },
      svg: () => drawn.svg,
    };
    redraw();
    all.push(handle);
    return handle;
  }

  addEventListener("beforeprint", () => all.forEach((one) => one.paper()));
  addEventListener("afterprint", () => all.forEach((one) => one.redraw()));
  return chart;
})();

/** Places on axes that Plot has no scale for, and labels that keep clear of each other. */
klsweep.axes = (() => {
  const { coefficient } = klsweep.format;

  /** Coefficients on a logarithmic axis, with a place for c = 0 left of the others. */
  function coefficients(cs) {
    const unique = [...new Set(cs)].sort((a, b) => a - b);
    const logs = unique.filter((c) => c > 0).map(Math.log10);
    const [low, high] = logs.length ? [logs[0], logs.at(-1)] : [0, 0];
    const span = Math.max(high - low, 0.6);
    const gap = Math.max(0.16 * span, 0.2);
    const zero = unique[0] === 0;
    const at = (c) => (c > 0 ? Math.log10(c) : low - gap);
    const domain = [(zero && logs.length ? low - gap : low) - 0.06 * span, high + 0.06 * span];
    return { at, domain, unique, breakAt: zero && logs.length ? low - 0.55 * gap : null };
  }

  /** Of ticks at `positions` (pixels), in order of importance, those whose labels keep `clear` pixels apart. */
  function thin(ticks, clear = 6, letter = 7) {
    const kept = [];
    for (const tick of ticks) {
      const half = (letter * tick.label.length) / 2;
      if (kept.every((other) => Math.abs(other.x - tick.x) > half + (letter * other.label.length) / 2 + clear)) kept.push(tick);
    }
    return kept;
  }

  /** Plot's options of the x axis over coefficients, for an inner width in pixels. */
  function coefficientScale(axis, inner, label) {
    const x = (c) => ((axis.at(c) - axis.domain[0]) / (axis.domain[1] - axis.domain[0])) * inner;
    const ends = [axis.unique[0], axis.unique.at(-1)];
    const order = [...new Set([...ends, ...axis.unique])];
    const kept = thin(order.map((c) => ({ c, x: x(c), label: coefficient(c) })));
    const labels = new Map(kept.map(({ c, label: text }) => [axis.at(c), text]));
    return { domain: axis.domain, ticks: axis.unique.map(axis.at), text: (t) => labels.get(t) ?? "", label };
  }

  /**
   * Plot's options and mark of one axis: `{ type, domain, ticks, text, label }`. The text of every tick is ours, as Plot
   * drops those of a logarithmic axis that it finds too many. `anchor` is where the label stands.
   */
  function axis(side, { type = "linear", domain, ticks, text, label = null, anchor = "center" }) {
    const labels = { label, labelArrow: "none", labelAnchor: side === "x" ? anchor : "top" };
    const values = Array.isArray(ticks) ? ticks : d3.ticks(...domain, ticks);
    const format = text ?? (Array.isArray(ticks) ? klsweep.format.plain : klsweep.format.ticks(domain, ticks));
    return {
      options: { type, domain, axis: null },
      grid: side === "y" ? Plot.gridY(values, { stroke: "var(--grid)", strokeOpacity: 1 }) : Plot.gridX(values, { stroke: "var(--grid)", strokeOpacity: 1 }),
      mark: side === "y" ? Plot.axisY(values, { ...labels, text: format, tickSize: 0, tickPadding: 6 }) : Plot.axisX(values, { ...labels, text: format, tickSize: 4, tickPadding: 4 }),
    };
  }

  /** Two strokes through the axis between c = 0 and the rest. */
  function drawBreak(svg, axis, y) {
    if (axis.breakAt === null) return;
    const x = svg.scale("x").apply(axis.breakAt);
    d3.select(svg).append("path").attr("d", `M${x - 5},${y + 4}l4,-8M${x + 1},${y + 4}l4,-8`).attr("stroke", "var(--muted)").attr("fill", "none");
  }

  /** Ticks of a logarithmic axis at 1, 2 and 5 times the powers of ten, fewer where they would crowd. */
  function logTicks([low, high], most) {
    const [from, to] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))];
    for (const steps of [[1, 2, 5], [1, 3], [1]]) {
      const ticks = d3.range(from, to + 1).flatMap((e) => steps.map((s) => s * 10 ** e)).filter((t) => t >= low * 0.999 && t <= high * 1.001);
      if (ticks.length >= 2 && ticks.length <= most) return ticks;
    }
    return d3.range(from, to + 1, Math.max(1, Math.ceil((to - from) / most))).map((e) => 10 ** e).filter((t) => t >= low * 0.999 && t <= high * 1.001);
  }

  const logFormat = (t) => (t >= 1e6 || t < 1e-4 ? t.toExponential(0) : String(+t.toPrecision(2)));

  /** Logarithmic if the values need it: all above zero, and the greatest more than `ratio` times the least. */
  function needsLog(values, ratio = 20) {
    const known = values.filter((v) => v !== null && Number.isFinite(v));
    return known.length > 1 && known.every((v) => v > 0) && Math.max(...known) > ratio * Math.min(...known);
  }

  /**
   * Places labels around points so that they cover neither each other, nor a point, nor a line: `lines` are lists of
   * [x, y]. Each label gets the first of eight places, near and then far, that is free; a far one is tied to its point.
   */
  function placeLabels(points, lines, [width, height], letter = 6.8, tall = 14) {
    const taken = points.map(({ x, y }) => [x - 6, y - 6, x + 6, y + 6]);
    for (const line of lines) {
      for (const [[ax, ay], [bx, by]] of d3.pairs(line)) {
        const steps = Math.ceil(Math.hypot(bx - ax, by - ay) / 5);
        for (let i = 0; i <= steps; i++) {
          const [x, y] = [ax + ((bx - ax) * i) / (steps || 1), ay + ((by - ay) * i) / (steps || 1)];
          // Right around its own points a label cannot keep clear of the lines that meet there.
          if (points.every((point) => Math.hypot(point.x - x, point.y - y) > 9)) taken.push([x - 1, y - 1, x + 1, y + 1]);
        }
      }
    }
    const overlaps = ([a, b, c, d]) => taken.some(([e, f, g, h]) => a < g && e < c && b < h && f < d);
    const directions = [[1, -1], [0, -1], [-1, -1], [1, 1], [-1, 1], [0, 1], [1, 0], [-1, 0]];
    return points.flatMap((point) => {
      const w = letter * point.label.length;
      for (const [distance, leader] of [[8, false], [24, true], [44, true]]) {
        for (const [dx, dy] of directions) {
          const x = point.x + dx * distance + (dx < 0 ? -w : dx > 0 ? 0 : -w / 2);
          const y = point.y + dy * distance + (dy < 0 ? -tall : dy > 0 ? 0 : -tall / 2);
          const box = [x, y, x + w, y + tall];
          if (x < 0 || y < 0 || x + w > width || y + tall > height || overlaps(box)) continue;
          taken.push(box);
          return [{ ...point, left: x, middle: y + tall / 2, anchor: [dx < 0 ? x + w : dx > 0 ? x : x + w / 2, dy < 0 ? y + tall : dy > 0 ? y : y + tall / 2], leader }];
        }
      }
      return []; // No room: the point still says its value when it is pointed at.
    });
  }

  return { axis, coefficients, coefficientScale, drawBreak, thin, logTicks, logFormat, needsLog, placeLabels };
})();
