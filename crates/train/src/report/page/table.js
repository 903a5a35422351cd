"use strict";
// The table of members, or of means over seeds: sorted by a button in each heading.

klsweep.table = (() => {
  const { element, byId } = klsweep.dom;
  const { coefficient, number, spread } = klsweep.format;
  const COLLAPSED_KL = 0.01; // nats
  const PAPER = 690; // CSS pixels between the margins of A4
  const LARGEST = 11; // CSS pixels: the letters of the table on paper, where it has room

  /** Small bars of the KL of each dimension, greatest first, on a logarithmic scale from 0.001 nats. */
  function bars(klPerDim) {
    const sorted = klPerDim.filter((kl) => kl !== null).sort((a, b) => b - a);
    if (!sorted.length) return "–";
    const [step, height] = [sorted.length > 24 ? 3 : 6, 18];
    const svg = d3.create("svg").attr("class", "bars").attr("role", "img").attr("width", step * sorted.length).attr("height", height);
    svg.attr("aria-label", sorted.map((kl) => number(kl, 2)).join(", "));
    const scale = d3.scaleLog([1e-3, Math.max(10, sorted[0])], [1, height]).clamp(true);
    for (const [i, kl] of sorted.entries()) {
      const tall = kl > 0 ? scale(kl) : 1;
      svg.append("rect").attr("x", step * i).attr("y", height - tall).attr("width", step - 1).attr("height", tall)
        .attr("fill", kl < COLLAPSED_KL ? "var(--bad)" : "var(--accent)");
    }
    svg.append("title").text(`KL per dimension, nats, greatest first, log scale: ${sorted.map((kl) => number(kl, 3)).join(", ")}`);
    return svg.node();
  }

  /** Columns that are no diagnostics: `start` for text, `value` to sort by, `cell` what is shown. */
  function ownColumns(report, overSeeds) {
    const run = {
      key: "run", label: "run", unit: "", start: true, description: "The run that the member belongs to.",
      value: (row) => report.runs[row.run].name, cell: (row) => report.runs[row.run].name,
    };
    const c = {
      key: "c", label: "c", unit: "", start: true, heading: true,
      description: "The KL coefficient: training minimised reconstruction + c · KL.",
      value: (row) => row.c,
      cell: (row) => [element("span", { className: "swatch", style: `background:${klsweep.figures.colorOf(row.c)}` }), coefficient(row.c)],
    };
    const seed = {
      key: "seed", label: "seed", unit: "", description: "Of the initial weights, the order of the images and the noise.",
      value: (row) => row.seed, cell: (row) => String(row.seed),
    };
    const seeds = { ...seed, key: "seeds", label: "seeds", description: "How many finished seeds the mean is over.", value: (row) => row.seeds, cell: (row) => String(row.seeds) };
    const epochs = {
      key: "epochs", label: "epochs", unit: "", description: "Epochs trained, and what became of the member if it is not finished.",
      value: (row) => row.epochs,
      cell: (row) => {
        if (row.state === "finished") return String(row.epochs);
        const planned = report.runs[row.run].epochs;
        return [element("span", { className: `status status-${row.state}`, title: row.message ?? "" }, row.state), ` ${row.epochs} of ${planned}`];
      },
    };
    const warnings = {
      key: "warnings", label: "warnings", unit: "", description: "What was seen while the member trained; each is in the section Warnings.",
      value: (row) => row.warnings.length,
      cell: (row) => row.warnings.length ? [element("a", { href: `#warnings-${row.id}` }, String(row.warnings.length))] : "0",
    };
    const perDim = {
      key: "kl_per_dim", label: "KL per dim.", unit: "log scale", start: true,
      description: "The KL of each latent dimension, greatest first, on a logarithmic scale from 0.001 nats. Red: under 0.01 nats, collapsed. Sorts by the smallest.",
      value: (row) => (row.kl_per_dim?.length ? Math.min(...row.kl_per_dim.filter((kl) => kl !== null)) : null),
      cell: (row) => bars(row.kl_per_dim ?? []),
    };
    if (overSeeds) return { before: [c, seeds], after: [] };
    return { before: [c, ...(report.runs.length > 1 ? [run] : []), seed, epochs], after: [perDim, warnings] };
  }

  function measured(column, rows, overSeeds) {
    const value = (row) => (overSeeds ? row.values[column.key]?.mean : row.values[column.key]) ?? null;
    const known = rows.filter((row) => overSeeds || row.state === "finished").map(value).filter((v) => v !== null);
    const best = known.length < 2 || !column.better ? null : column.better === "low" ? Math.min(...known) : Math.max(...known);
    return {
      ...column, value,
      cell: (row) => {
        const text = overSeeds ? spread(row.values[column.key], column.digits) : number(value(row), column.digits);
        if (best === null || value(row) !== best) return text;
        return [element("b", { className: "best" }, text), element("span", { className: "sr-only" }, " (best)")];
      },
    };
  }

  /** Unknown values come last, whichever way the rest is sorted. */
  function compare(a, b, direction) {
    const missing = (v) => v === null || v === undefined || Number.isNaN(v);
    if (missing(a) || missing(b)) return missing(a) - missing(b);
    return direction * (typeof a === "string" ? a.localeCompare(b) : a - b);
  }

  function start(report, remembered) {
    const table = byId("members-table");
    const several = report.coefficients.some(({ seeds }) => seeds > 1);
    const sort = remembered ?? { key: "c", direction: 1, overSeeds: false };
    if (!several) sort.overSeeds = false;

    function draw() {
      const rows = sort.overSeeds ? report.coefficients : report.members;
      const own = ownColumns(report, sort.overSeeds);
      const columns = [...own.before, ...report.columns.map((column) => measured(column, rows, sort.overSeeds)), ...own.after];
      const by = columns.find(({ key }) => key === sort.key) ?? columns[0];

      const head = columns.map((column) => {
        const better = column.better === "low" ? " ↓" : column.better === "high" ? " ↑" : "";
        const button = element("button", { type: "button" },
          element("span", { className: column.label.length < 9 ? "name short" : "name" }, column.label),
          element("span", { className: "unit" }, (column.unit.replace(" per image", "") || "\u00a0") + better));
        const meaning = column.better ? `${column.description} ${column.better === "low" ? "Lower" : "Higher"} is better.` : column.description;
        klsweep.tip.attach(button, meaning);
        button.addEventListener("click", () => {
          if (by.key === column.key) sort.direction = -sort.direction;
          else Object.assign(sort, { key: column.key, direction: column.better === "high" ? -1 : 1 });
          const index = columns.indexOf(column);
          draw();
          table.tHead.rows[0].cells[index].firstChild.focus();
        });
        const sorted = by.key === column.key ? (sort.direction > 0 ? "ascending" : "descending") : null;
        const classes = [column.start ? "start" : "", column.heading ? "pinned-left" : ""].join(" ").trim();
        return element("th", { scope: "col", className: classes, "aria-sort": sorted, "data-key": column.key }, button);
      });

      const sorted = [...rows].sort((a, b) => compare(by.value(a), by.value(b), sort.direction));
      const body = sorted.map((row) => element("tr", {}, ...columns.map((column) => {
        const content = column.cell(row);
        const cell = element(column.heading ? "th" : "td", { className: column.start ? "start" : content === "–" ? "none" : "" },
          ...(Array.isArray(content) ? content : [content]));
        if (column.heading) cell.scope = "row";
        return cell;
      })));
      table.tHead.replaceChildren(element("tr", {}, ...head));
      table.tBodies[0].replaceChildren(...body);
    }

    if (several) {
      const control = klsweep.controls.segmented("Rows", [["members", "every member"], ["seeds", "means over seeds"]],
        sort.overSeeds ? "seeds" : "members", (value) => { sort.overSeeds = value === "seeds"; draw(); });
      byId("table-controls").append(control);
    }
    const messages = report.members.filter(({ state, message }) => state === "failed" && message).map((member) =>
      element("p", { className: "member-message" },
        element("strong", { className: "status-failed" }, `${klsweep.format.member(member, report)} failed: `), member.message));
    byId("member-messages").replaceChildren(...messages);
    if (!report.members.length) byId("members-box").replaceChildren(element("p", {}, "No member has been started."));
    else draw();
    // Paper does not scroll: what is too wide for it is made smaller.
    addEventListener("beforeprint", () => {
      table.style.width = "min-content";
      const size = parseFloat(getComputedStyle(table).fontSize) * (PAPER / Math.max(1, table.offsetWidth));
      table.style.width = "";
      table.style.setProperty("--paper-size", `${Math.min(size, LARGEST)}px`);
    });
    return { state: () => sort };
  }

  return { start };
})();
