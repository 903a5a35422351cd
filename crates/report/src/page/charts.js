"use strict";
// Charts came as SVG with the page. Here their marks show their values to pointer, finger and arrow keys, and what belongs to
// one coefficient stands out in all charts of a section.

klsweep.charts = (() => {
  const { element, svg, byId, toggle, checkbox } = klsweep.dom;
  const REACH = 48; // CSS pixels from a mark within which the pointer shows it

  /** The marks of a drawing that say something, in the order in which the arrow keys go through them. */
  function marksOf(drawing) {
    const marks = [];
    for (const node of drawing.querySelectorAll("[data-note], [data-notes]")) {
      const group = node.closest("[data-title]");
      if (!group || group.hasAttribute("hidden")) continue;
      const { title, c, seed } = group.dataset;
      const mark = (x, y, note) => { if (note) marks.push({ x, y, note, title, c, seed }); };
      if (node.dataset.note) mark(Number(node.getAttribute("cx")), Number(node.getAttribute("cy")), node.dataset.note);
      else node.dataset.notes?.split("|").forEach((note, i) => mark(node.points[i].x, node.points[i].y, note));
    }
    return marks;
  }

  class Chart {
    #box = element("div", { className: "chart-tip", hidden: true, "aria-hidden": "true" });
    #spoken = element("p", { className: "sr-only", role: "status" });
    #marks = null;
    #shown = -1;

    /** `others()`: all charts of the section. */
    constructor(container, others) {
      this.container = container;
      this.drawing = container.querySelector("svg");
      this.output = container.closest(".panel")?.querySelector("output");
      this.others = others;
      // Where only one of two axes has a choice, the pointer need not be near in the other.
      this.byX = container.dataset.by === "x";
      const label = this.drawing.getAttribute("aria-label");
      container.tabIndex = 0;
      container.setAttribute("role", "group");
      container.setAttribute("aria-roledescription", "chart");
      container.setAttribute("aria-label", `${label} Arrow keys go through the values.`);
      this.drawing.setAttribute("aria-hidden", "true");
      container.append(this.#box, this.#spoken);
      this.#listen();
    }

    get marks() { return (this.#marks ??= marksOf(this.drawing)); }

    /** After marks have been hidden or shown. */
    forget() {
      this.#marks = null;
      this.#show(-1);
    }

    /** Lets the marks of a coefficient, and of a seed where both have one, stand out; those of all without. */
    highlight(c, seed) {
      for (const group of this.drawing.querySelectorAll("[data-c]")) {
        const alike = c === undefined || (group.dataset.c === c && (!seed || !group.dataset.seed || group.dataset.seed === seed));
        group.classList.toggle("dim", !alike);
      }
      if (!this.output) return;
      const mark = c === undefined ? null : this.marks.find((one) => one.c === c);
      this.output.textContent = mark ? `${mark.title}: ${mark.note}` : "";
    }

    #show(index, speak) {
      this.#shown = index;
      const mark = this.marks[index];
      this.drawing.querySelector(".shown")?.remove();
      this.others().forEach((chart) => chart.highlight(mark?.c, mark?.seed));
      this.#box.hidden = !mark;
      if (!mark) return;
      this.drawing.append(svg("circle", { class: "shown", cx: mark.x, cy: mark.y, r: 7 }));
      if (speak) this.#spoken.textContent = `${mark.title}, ${mark.note}`;
      this.#box.replaceChildren(element("b", {}, mark.title), ...mark.note.split("; ").map((line) => element("div", {}, line)));
      // Beside the mark, on the side that has room, never out of the chart.
      const { clientWidth: wide, clientHeight: tall } = this.container;
      const scale = this.#scale();
      const [x, y] = [mark.x * scale, mark.y * scale];
      const [w, h] = [this.#box.offsetWidth, this.#box.offsetHeight];
      const left = x + 14 + w <= wide ? x + 14 : x - 14 - w;
      this.#box.style.left = `${Math.max(0, Math.min(left, wide - w))}px`;
      this.#box.style.top = `${Math.max(0, Math.min(y - h / 2, tall - h))}px`;
    }

    /** CSS pixels to a unit of the drawing. */
    #scale() {
      return this.drawing.getBoundingClientRect().width / this.drawing.viewBox.baseVal.width || 1;
    }

    #nearest(event) {
      const at = this.drawing.getBoundingClientRect();
      const scale = this.#scale();
      const [x, y] = [(event.clientX - at.left) / scale, (event.clientY - at.top) / scale];
      let [best, least] = [-1, this.byX ? Infinity : REACH / scale];
      this.marks.forEach((mark, i) => {
        // Where only x counts, y still decides between marks at the same place.
        const distance = this.byX ? Math.abs(mark.x - x) + 1e-3 * Math.abs(mark.y - y) : Math.hypot(mark.x - x, mark.y - y);
        if (distance < least) [best, least] = [i, distance];
      });
      return best;
    }

    #listen() {
      const { container } = this;
      for (const kind of ["pointermove", "pointerdown"]) container.addEventListener(kind, (event) => this.#show(this.#nearest(event)));
      container.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse") this.#show(-1); });
      container.addEventListener("blur", () => this.#show(-1));
      container.addEventListener("keydown", (event) => {
        const last = this.marks.length - 1;
        const steps = { ArrowRight: this.#shown + 1, ArrowLeft: this.#shown < 0 ? last : this.#shown - 1, Home: 0, End: last };
        if (event.key === "Escape") this.#show(-1);
        else if (event.key in steps && last >= 0) {
          event.preventDefault();
          this.#show(Math.max(0, Math.min(steps[event.key], last)), true);
        }
      });
    }
  }

  function start() {
    for (const section of document.querySelectorAll("section")) {
      const charts = [];
      for (const container of section.querySelectorAll(".chart")) charts.push(new Chart(container, () => charts));
      if (section.id === "curves" && charts.length) choose(section, charts);
    }
  }

  /** Which learning curves are shown: the names of the coefficients become buttons. */
  function choose(section, charts) {
    const hidden = new Set();
    let training = true;
    function draw() {
      for (const group of section.querySelectorAll(".chart [data-c]")) {
        group.toggleAttribute("hidden", hidden.has(group.dataset.c) || (group.dataset.part === "training" && !training));
      }
      charts.forEach((chart) => chart.forget());
    }
    for (const item of section.querySelectorAll(".key [data-c]")) {
      const { c } = item.dataset;
      item.replaceChildren(toggle([...item.childNodes], true, (on) => {
        if (on) hidden.delete(c); else hidden.add(c);
        draw();
      }));
    }
    byId("curves-controls").append(checkbox("training images, dashed", true, (on) => { training = on; draw(); }));
  }

  return { start };
})();
