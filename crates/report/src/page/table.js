"use strict";
// The tables of members and of means over their seeds: sorted by a button in each heading.

klsweep.table = (() => {
  const { element, byId } = klsweep.dom;
  const PAPER = 690; // CSS pixels between the margins of A4
  const LARGEST = 11; // CSS pixels: the letters of the table on paper, where it has room

  /** Unknown values come last, whichever way the rest is sorted. */
  function compare(a, b, direction) {
    if (a === undefined || b === undefined) return (a === undefined) - (b === undefined);
    const [x, y] = [Number(a), Number(b)];
    return direction * (Number.isNaN(x) || Number.isNaN(y) ? a.localeCompare(b) : x - y);
  }

  class Sorted {
    #table;
    #state;

    /** `state`: `{ key, direction }`, kept up to date. */
    constructor(table, state) {
      this.#table = table;
      this.#state = state;
      for (const heading of this.#headings()) {
        const button = element("button", { type: "button" }, ...heading.childNodes);
        klsweep.tip.attach(button, heading.dataset.meaning);
        button.addEventListener("click", () => this.#press(heading));
        heading.replaceChildren(button);
      }
      this.#sort();
    }

    #headings() { return [...this.#table.tHead.rows[0].cells]; }

    #press({ dataset: { key, better } }) {
      const state = this.#state;
      if (state.key === key) state.direction = -state.direction;
      else Object.assign(state, { key, direction: better === "high" ? -1 : 1 });
      this.#sort();
    }

    #sort() {
      const { key, direction } = this.#state;
      const headings = this.#headings();
      const by = Math.max(0, headings.findIndex((heading) => heading.dataset.key === key));
      headings.forEach((heading, i) => {
        if (i === by) heading.setAttribute("aria-sort", direction > 0 ? "ascending" : "descending");
        else heading.removeAttribute("aria-sort");
      });
      const body = this.#table.tBodies[0];
      const value = (row) => row.cells[by].dataset.value;
      body.append(...[...body.rows].sort((a, b) => compare(value(a), value(b), direction)));
    }
  }

  function start(remembered) {
    const state = remembered ?? { key: "c", direction: 1, overSeeds: false };
    const [members, means] = [byId("members-table"), byId("means-table")];
    if (!members) return { state: () => state };
    for (const table of [members, means]) if (table) new Sorted(table, state);
    if (means) {
      const show = () => {
        byId("members-box").hidden = state.overSeeds;
        byId("means-box").hidden = !state.overSeeds;
      };
      byId("table-controls").append(klsweep.controls.segmented("Rows", [["members", "every member"], ["means", "means over seeds"]],
        state.overSeeds ? "means" : "members", (value) => { state.overSeeds = value === "means"; show(); }));
      show();
    }
    // Paper does not scroll: what is too wide for it is made smaller.
    addEventListener("beforeprint", () => {
      for (const table of document.querySelectorAll("table.members")) {
        table.style.width = "min-content";
        const size = parseFloat(getComputedStyle(table).fontSize) * (PAPER / Math.max(1, table.offsetWidth));
        table.style.width = "";
        table.style.setProperty("--paper-size", `${Math.min(size, LARGEST)}px`);
      }
    });
    return { state: () => state };
  }

  return { start };
})();
