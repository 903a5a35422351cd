"use strict";
// The figures of the report: rate and distortion, diagnostics against the coefficient, learning curves, collapse.

klsweep.figures = (() => {
  const { element, byId, toggle, checkbox } = klsweep.dom;
  const { coefficient, number, spread, member: nameOf } = klsweep.format;
  const axes = klsweep.axes;
  const COLLAPSED_KL = 0.01; // nats
  const LEAST_KL = 1e-3; // nats: where logarithmic axes of a KL end, which may be as near to zero as it likes
  const SIZE = { fontSize: "12px", overflow: "visible" };
  const fixed = (value) => [value]; // a datum for marks at one place
  let rank = new Map();

  /** The coefficients' colours: plasma, dark to light on white and light to dark on black, never too near to the paper. */
  function defineColors(report) {
    const unique = [...new Set(report.members.map(({ c }) => c))].sort((a, b) => a - b);
    rank = new Map(unique.map((c, i) => [c, i]));
    const t = (i) => (unique.length > 1 ? i / (unique.length - 1) : 0.3);
    const lines = unique.map((_, i) => `--c-${i}: light-dark(${d3.interpolatePlasma(0.02 + 0.63 * t(i))}, ${d3.interpolatePlasma(0.36 + 0.52 * t(i))});`);
    document.head.append(element("style", {}, `:root { ${lines.join(" ")} }`));
  }
  const colorOf = (c) => (rank.has(c) ? `var(--c-${rank.get(c)})` : "var(--muted)");

  const byCoefficient = ({ coefficients }) => [...coefficients].sort((a, b) => a.c - b.c);
  const known = (statistic) => statistic && statistic.mean !== null && statistic.mean !== undefined;
  const low = (s) => s.mean - (s.std ?? 0);
  const high = (s) => s.mean + (s.std ?? 0);
  const wholeTicks = ([from, to]) => d3.ticks(from, to, 5).filter(Number.isInteger);

  // Rate and distortion -----------------------------------------------------------------------------------------------

  function tradeOff(report) {
    const rows = byCoefficient(report).filter(({ values }) => known(values.kl) && known(values.reconstruction));
    const container = byId("trade-off-chart");
    if (!rows.length) {
      container.replaceChildren(element("p", { className: "muted" }, "No member has finished: there is no point to draw yet."));
      return;
    }
    const unfinished = report.members.filter(({ state, values }) => state === "training" && Number.isFinite(values.kl) && Number.isFinite(values.reconstruction));
    const seeds = rows.some((row) => row.seeds > 1)
      ? report.members.filter(({ state, values }) => state === "finished" && Number.isFinite(values.kl) && Number.isFinite(values.reconstruction)) : [];
    const least = (kl) => Math.max(kl, LEAST_KL);
    let logarithmic = axes.needsLog(rows.map(({ values }) => least(values.kl.mean)), 20);
    const best = d3.min(rows, ({ values }) => (known(values.elbo_loss) ? values.elbo_loss.mean : undefined));

    function draw(width) {
      const height = Math.round(Math.min(Math.max(0.58 * width, 280), 520));
      const narrow = width < 520;
      const margin = { marginLeft: 48, marginRight: 16, marginTop: 30, marginBottom: 44 };
      const rates = rows.flatMap(({ values }) => [low(values.kl), high(values.kl)])
        .concat([...unfinished, ...seeds].map(({ values }) => values.kl)).map((kl) => (logarithmic ? least(kl) : kl));
      const distortions = rows.flatMap(({ values }) => [low(values.reconstruction), high(values.reconstruction)])
        .concat([...unfinished, ...seeds].map(({ values }) => values.reconstruction));
      const padY = 0.09 * (d3.max(distortions) - d3.min(distortions)) || 1;
      const yDomain = [d3.min(distortions) - padY, d3.max(distortions) + padY];
      const span = d3.max(rates) / d3.min(rates);
      const xDomain = logarithmic ? [d3.min(rates) / span ** 0.06, d3.max(rates) * Math.max(span, 1.5) ** 0.06]
        : [0, d3.max(rates) * 1.06 || 1];
      const rate = (kl) => (logarithmic ? Math.max(kl, xDomain[0]) : kl);
      const sameSum = best === undefined ? [] : (logarithmic ? d3.range(0, 201).map((i) => xDomain[0] * (xDomain[1] / xDomain[0]) ** (i / 200))
        : d3.range(0, 201).map((i) => (xDomain[1] * i) / 200)).map((x) => ({ x, y: best - x })).filter(({ y }) => y >= yDomain[0] && y <= yDomain[1]);

      const x = axes.axis("x", {
        domain: xDomain, anchor: "right", label: `KL, the rate (nats per image${logarithmic && !narrow ? ", logarithmic" : ""}) →`,
        ...(logarithmic ? { type: "log", ticks: axes.logTicks(xDomain, Math.max(3, width / 60)), text: axes.logFormat } : { ticks: Math.max(3, width / 90) }),
      });
      const y = axes.axis("y", { domain: yDomain, ticks: 6, label: "↑ Reconstruction, the distortion (nats per image)" });
      const svg = Plot.plot({
        width, height, ...margin, style: SIZE,
        x: x.options, y: y.options,
        marks: [
          x.grid, y.grid, x.mark, y.mark,
          Plot.line(sameSum, { x: "x", y: "y", stroke: "var(--muted)", strokeWidth: 1.2, strokeDasharray: "5 4" }),
          Plot.line(rows, { x: ({ values }) => rate(values.kl.mean), y: ({ values }) => values.reconstruction.mean, stroke: "var(--muted)", strokeWidth: 1.4 }),
          Plot.dot(seeds, { x: ({ values }) => rate(values.kl), y: ({ values }) => values.reconstruction, r: 2, fill: { value: ({ c }) => colorOf(c), scale: null }, fillOpacity: 0.6 }),
          Plot.link(rows.filter(({ values }) => values.kl.std), { x1: ({ values }) => rate(low(values.kl)), x2: ({ values }) => rate(high(values.kl)), y1: ({ values }) => values.reconstruction.mean, y2: ({ values }) => values.reconstruction.mean, stroke: { value: ({ c }) => colorOf(c), scale: null }, strokeWidth: 1.6 }),
          Plot.link(rows.filter(({ values }) => values.reconstruction.std), { x1: ({ values }) => rate(values.kl.mean), x2: ({ values }) => rate(values.kl.mean), y1: ({ values }) => low(values.reconstruction), y2: ({ values }) => high(values.reconstruction), stroke: { value: ({ c }) => colorOf(c), scale: null }, strokeWidth: 1.6 }),
          Plot.dot(unfinished, { x: ({ values }) => rate(values.kl), y: ({ values }) => values.reconstruction, r: 4.5, fill: "var(--paper)", stroke: { value: ({ c }) => colorOf(c), scale: null }, strokeWidth: 1.5, strokeDasharray: "2 2" }),
          Plot.dot(rows, { x: ({ values }) => rate(values.kl.mean), y: ({ values }) => values.reconstruction.mean, r: 5, fill: { value: ({ c }) => colorOf(c), scale: null }, stroke: "var(--paper)", strokeWidth: 1.2 }),
        ],
      });
      const [toX, toY] = [svg.scale("x").apply, svg.scale("y").apply];
      const points = rows.map((row) => ({
        x: toX(rate(row.values.kl.mean)), y: toY(row.values.reconstruction.mean), key: row.c, c: row.c, title: `c = ${coefficient(row.c)}`,
        rows: [["KL", `${spread(row.values.kl)} nats`], ["reconstruction", `${spread(row.values.reconstruction)} nats`],
          ["ELBO loss", `${spread(row.values.elbo_loss)} nats`], ...(row.seeds > 1 ? [["seeds", String(row.seeds)]] : [])],
      })).concat(unfinished.map((member) => ({
        x: toX(rate(member.values.kl)), y: toY(member.values.reconstruction), key: null, c: member.c, title: `${nameOf(member, report)}, after ${member.epochs} epochs`,
        rows: [["KL", `${number(member.values.kl)} nats`], ["reconstruction", `${number(member.values.reconstruction)} nats`]],
      }))).sort((a, b) => a.c - b.c);
      const onPage = (from, to) => [[toX(rate(from[0])), toY(from[1])], [toX(rate(to[0])), toY(to[1])]];
      const lines = [
        rows.map(({ values }) => [toX(rate(values.kl.mean)), toY(values.reconstruction.mean)]),
        sameSum.map(({ x: at, y: sum }) => [toX(at), toY(sum)]),
        ...rows.map(({ values: { kl, reconstruction } }) => onPage([low(kl), reconstruction.mean], [high(kl), reconstruction.mean])),
        ...rows.map(({ values: { kl, reconstruction } }) => onPage([kl.mean, low(reconstruction)], [kl.mean, high(reconstruction)])),
      ];
      const layer = d3.select(svg).append("g").attr("font-size", 12).attr("fill", "var(--ink)").attr("text-anchor", "start");
      const labelled = points.map((point) => ({ ...point, label: points.length > 10 ? coefficient(point.c) : `c = ${coefficient(point.c)}` }));
      if (sameSum.length > 8) {
        // Its label lies along the flat part of the line, or where the line leaves.
        const at = logarithmic ? sameSum[Math.round(0.04 * sameSum.length)] : sameSum.at(-1);
        const text = narrow ? `sum ${number(best)}` : `reconstruction + KL = ${number(best)}`;
        const left = toX(at.x) - (logarithmic ? 0 : 6.4 * text.length);
        layer.append("text").attr("x", left).attr("y", toY(at.y) - 6).attr("fill", "var(--muted)")
          .attr("paint-order", "stroke").attr("stroke", "var(--paper)").attr("stroke-width", 4).text(text);
        lines.push([[left, toY(at.y) - 7], [left + 6.4 * text.length, toY(at.y) - 7]], [[left, toY(at.y) - 15], [left + 6.4 * text.length, toY(at.y) - 15]]);
      }
      for (const label of axes.placeLabels(labelled, lines, [width - 4, height - margin.marginBottom])) {
        if (label.leader) layer.append("line").attr("x1", label.x).attr("y1", label.y).attr("x2", label.anchor[0]).attr("y2", label.anchor[1]).attr("stroke", "var(--muted)").attr("stroke-width", 0.8);
        layer.append("text").attr("x", label.left).attr("y", label.middle).attr("dominant-baseline", "central").attr("font-weight", 600)
          .attr("paint-order", "stroke").attr("stroke", "var(--paper)").attr("stroke-width", 3).text(label.label);
      }
      return { svg, points };
    }

    const handle = klsweep.chart(container, { label: "KL against reconstruction, a point for each coefficient.", draw });
    if (rows.some(({ values }) => values.kl.mean > 0)) {
      byId("trade-off-controls").append(checkbox("logarithmic rate", logarithmic, (on) => { logarithmic = on; handle.redraw(); }));
    }
    const caption = [rows.some(({ seeds: n }) => n > 1) ? "Bars: one standard deviation over seeds; small dots: the seeds." : "One seed: no error bars.",
      unfinished.length ? "Hollow: still training." : "",
      rows.some(({ values }) => values.kl.mean < LEAST_KL) ? `A KL under ${LEAST_KL} nats is drawn at the left edge.` : ""];
    byId("trade-off-caption").textContent = caption.join(" ").trim();
  }

  // Diagnostics against the coefficient -------------------------------------------------------------------------------

  /** A panel of the grid: heading with unit, a value on the right while a coefficient is shown, the chart. */
  function panel(grid, title, unit) {
    const value = element("output");
    const chartBox = element("div", { className: "chart" });
    const heading = element("h3", {}, title, unit ? element("span", { className: "unit" }, ` ${unit}`) : "");
    grid.append(element("figure", { className: "panel" }, element("div", { className: "panel-head" }, heading, value), chartBox));
    return { chartBox, value };
  }

  function diagnostics(report) {
    const grid = byId("diagnostics-panels");
    const rows = byCoefficient(report);
    const columns = report.columns.filter(({ key }) => rows.some(({ values }) => known(values[key])));
    if (!rows.length || !columns.length) {
      grid.replaceChildren(element("p", { className: "muted" }, "No member has finished: there is nothing to draw yet."));
      return;
    }
    byId("diagnostics-seeds").textContent = rows.some(({ seeds }) => seeds > 1) ? "Bars: one standard deviation over seeds; small dots: the seeds." : "";
    const axis = axes.coefficients(rows.map(({ c }) => c));
    const finished = report.members.filter(({ state }) => state === "finished");
    let logarithmic = true;
    const panels = [];
    const highlight = (c) => panels.forEach(({ handle, value, read }) => {
      handle().mark(c);
      value.textContent = c === null ? "" : read(c);
    });

    /** What all panels share: the axis over coefficients, and its break. */
    function frame(width, marks, y) {
      const [marginLeft, marginRight] = [46, 12];
      const height = 190;
      const x = axes.axis("x", axes.coefficientScale(axis, width - marginLeft - marginRight, "KL coefficient c"));
      const yAxis = axes.axis("y", y);
      const svg = Plot.plot({
        width, height, marginLeft, marginRight, marginTop: 12, marginBottom: 38, style: SIZE,
        x: x.options, y: yAxis.options, marks: [yAxis.grid, x.mark, yAxis.mark, ...marks],
      });
      axes.drawBreak(svg, axis, height - 38);
      return svg;
    }

    function scale(values, log) {
      if (log) {
        const domain = [d3.min(values), d3.max(values)];
        const pad = (domain[1] / domain[0]) ** 0.08;
        const padded = [domain[0] / pad, domain[1] * pad];
        return { type: "log", domain: padded, ticks: axes.logTicks(padded, 5), text: axes.logFormat };
      }
      const [least, most] = [d3.min(values), d3.max(values)];
      const pad = 0.1 * (most - least) || Math.max(Math.abs(most) * 0.05, 0.5);
      return { domain: [least >= 0 && least - pad < 0 ? Math.min(0, least) : least - pad, most + pad], ticks: 4 };
    }

    for (const column of columns) {
      const drawn = rows.filter(({ values }) => known(values[column.key]));
      const several = drawn.some(({ seeds }) => seeds > 1);
      const singles = several ? finished.filter(({ values }) => Number.isFinite(values[column.key])) : [];
      const extent = drawn.flatMap(({ values }) => [low(values[column.key]), high(values[column.key])]).concat(singles.map(({ values }) => values[column.key]));
      const canLog = axes.needsLog(extent, 30);
      const { chartBox, value } = panel(grid, column.label, column.unit);
      const mean = ({ values }) => values[column.key].mean;
      const x = ({ c }) => axis.at(c);
      const handle = klsweep.chart(chartBox, {
        label: `${column.label} against the KL coefficient.`, by: "x", tip: false, paper: 214,
        onPoint: (point) => highlight(point ? point.c : null),
        draw: (width) => {
          const y = scale(extent, canLog && logarithmic);
          if (column.digits === 0 && y.type !== "log") y.ticks = wholeTicks(y.domain);
          const svg = frame(width, [
            Plot.line(drawn.filter(({ c }) => c > 0), { x, y: mean, stroke: "var(--muted)", strokeWidth: 1.3 }),
            Plot.line(drawn.slice(0, drawn[0].c === 0 ? 2 : 0), { x, y: mean, stroke: "var(--muted)", strokeWidth: 1.1, strokeDasharray: "2 4" }),
            Plot.dot(singles, { x, y: ({ values }) => values[column.key], r: 1.8, fill: { value: ({ c }) => colorOf(c), scale: null }, fillOpacity: 0.6 }),
            Plot.link(drawn.filter(({ values }) => values[column.key].std), { x1: x, x2: x, y1: ({ values }) => low(values[column.key]), y2: ({ values }) => high(values[column.key]), stroke: { value: ({ c }) => colorOf(c), scale: null }, strokeWidth: 1.6 }),
            Plot.dot(drawn, { x, y: mean, r: 4, fill: { value: ({ c }) => colorOf(c), scale: null }, stroke: "var(--paper)", strokeWidth: 1 }),
          ], y);
          const points = drawn.map((row) => ({
            x: svg.scale("x").apply(axis.at(row.c)), y: svg.scale("y").apply(mean(row)), key: row.c, c: row.c, title: `c = ${coefficient(row.c)}`,
            rows: [[column.label, `${spread(row.values[column.key], column.digits)} ${column.unit}`.trim()]],
          })).sort((a, b) => a.c - b.c);
          return { svg, points };
        },
      });
      const read = (c) => {
        const found = drawn.find((row) => row.c === c);
        return found ? `c = ${coefficient(c)}: ${spread(found.values[column.key], column.digits)}` : "";
      };
      panels.push({ handle: () => handle, value, read });
    }
    klPerDimension(report, finished, axis, { grid, panels, frame, highlight });

    const controls = byId("diagnostics-controls");
    if (columns.some(({ key }) => axes.needsLog(rows.map(({ values }) => values[key]?.mean ?? null), 30))) {
      controls.append(checkbox("logarithmic where values span more than a factor of 30", true, (on) => {
        logarithmic = on;
        panels.forEach(({ handle }) => handle().redraw());
      }));
    }
  }

  /** The KL of each dimension, greatest first, averaged over seeds: the picture of a collapse. */
  function klPerDimension(report, finished, axis, { grid, panels, frame, highlight }) {
    const groups = d3.groups(finished.filter(({ kl_per_dim: kl }) => kl?.length && kl.every((v) => v !== null)), ({ c }) => c);
    const dots = groups.flatMap(([c, members]) => {
      const sorted = members.map(({ kl_per_dim: kl }) => [...kl].sort((a, b) => b - a));
      return sorted[0].map((_, dimension) => ({ c, dimension, kl: d3.mean(sorted, (kl) => kl[dimension]) }));
    });
    if (!dots.length) return;
    const drawn = (kl) => Math.max(kl, LEAST_KL);
    const listOf = (c) => {
      const kls = dots.filter((dot) => dot.c === c).map(({ kl }) => kl);
      return kls.length > 4 ? `${number(kls[0])} to ${number(kls.at(-1))}` : kls.map((kl) => number(kl)).join(", ");
    };
    const { chartBox, value } = panel(grid, "KL per dimension", "nats");
    const handle = klsweep.chart(chartBox, {
      label: "KL of each latent dimension, greatest first, against the KL coefficient.", by: "x", tip: false, paper: 214,
      onPoint: (point) => highlight(point ? point.c : null),
      draw: (width) => {
        const domain = [LEAST_KL, 1.6 * Math.max(1, d3.max(dots, ({ kl }) => kl))];
        const svg = frame(width, [
          Plot.ruleY(fixed(COLLAPSED_KL), { stroke: "var(--bad)", strokeDasharray: "4 3" }),
          Plot.text(fixed("collapsed below"), { frameAnchor: "bottom-right", y: COLLAPSED_KL, text: (d) => d, fill: "var(--bad)", dy: -4, textAnchor: "end", lineAnchor: "bottom" }),
          ...d3.groups(dots, ({ dimension }) => dimension).map(([, line]) => Plot.line(line.filter(({ c }) => c > 0).sort((a, b) => a.c - b.c), { x: ({ c }) => axis.at(c), y: ({ kl }) => drawn(kl), stroke: "var(--rule)" })),
          Plot.dot(dots, { x: ({ c }) => axis.at(c), y: ({ kl }) => drawn(kl), r: 3, fill: { value: ({ c }) => colorOf(c), scale: null }, fillOpacity: 0.85 }),
        ], { type: "log", domain, ticks: axes.logTicks(domain, 6), text: axes.logFormat });
        const points = dots.filter(({ dimension }) => dimension === 0).map(({ c, kl }) => ({
          x: svg.scale("x").apply(axis.at(c)), y: svg.scale("y").apply(drawn(kl)), key: c, c, title: `c = ${coefficient(c)}`, rows: [["KL of the dimensions", `${listOf(c)} nats`]],
        })).sort((a, b) => a.c - b.c);
        return { svg, points };
      },
    });
    panels.push({ handle: () => handle, value, read: (c) => (dots.some((dot) => dot.c === c) ? `c = ${coefficient(c)}: ${listOf(c)}` : "") });
  }

  // Learning curves ---------------------------------------------------------------------------------------------------

  const CURVES = [
    { key: "reconstruction", title: "Reconstruction" },
    { key: "kl", title: "KL" },
    { key: "objective", title: "Objective, reconstruction + c · KL" },
    { key: "elbo_loss", title: "ELBO loss, reconstruction + KL" },
  ];

  function curves(report) {
    const grid = byId("curves-panels");
    const members = report.members.filter(({ history }) => history?.epoch?.length);
    if (!members.length) {
      grid.replaceChildren(element("p", { className: "muted" }, "No epoch has finished yet."));
      return;
    }
    const series = (member, split, { key }) => {
      const { history } = member;
      const sum = (a, b) => (a === null || b === null ? null : a + b);
      const values = history[`${split}_${key}`] ?? (key === "elbo_loss" ? history[`${split}_reconstruction`].map((r, i) => sum(r, history[`${split}_kl`][i])) : []);
      return history.epoch.map((epoch, i) => ({ epoch, value: values[i] ?? null }));
    };
    const visible = new Set(members.map(({ c }) => c));
    let training = true;
    const handles = [];
    const redraw = () => handles.forEach((handle) => handle.redraw());

    for (const curve of CURVES) {
      const { chartBox } = panel(grid, curve.title, "nats per image");
      let handle = null;
      handle = klsweep.chart(chartBox, {
        label: `${curve.title} after each epoch.`, paper: 328,
        onPoint: (point) => {
          const svg = handle?.svg();
          if (svg) d3.select(svg).selectAll("g[aria-description^='member ']").attr("opacity", function fade() {
            return !point || this.getAttribute("aria-description").startsWith(`member ${point.member} `) ? 1 : 0.18;
          });
        },
        draw: (width) => {
          const shown = members.filter(({ c }) => visible.has(c));
          const lines = shown.flatMap((member) => (training ? ["train", "test"] : ["test"]).map((split) => ({ member, split, data: series(member, split, curve) })));
          const values = lines.flatMap(({ data }) => data.map(({ value }) => value)).filter((v) => v !== null && Number.isFinite(v));
          const log = axes.needsLog(values, 20);
          const last = Math.max(1, d3.max(members, ({ history }) => d3.max(history.epoch)), ...report.runs.map(({ epochs }) => epochs ?? 1));
          const domain = values.length ? d3.extent(values) : [0, 1];
          const height = Math.round(Math.min(Math.max(0.56 * width, 210), 300));
          const pad = 0.04 * (domain[1] - domain[0] || 1);
          const logDomain = [domain[0] / 1.15, domain[1] * 1.15];
          const y = axes.axis("y", log
            ? { type: "log", domain: logDomain, ticks: axes.logTicks(logDomain, 6), text: axes.logFormat }
            : { domain: [domain[0] - pad, domain[1] + pad], ticks: 5 });
          const x = axes.axis("x", { domain: [1, Math.max(2, last)], ticks: [...new Set(d3.ticks(0, last, Math.min(8, width / 60)).map((t) => Math.max(1, Math.round(t))))], label: "epoch" });
          const svg = Plot.plot({
            width, height, marginLeft: 46, marginRight: 14, marginTop: 10, marginBottom: 38, style: SIZE,
            x: x.options, y: y.options,
            marks: [
              y.grid, x.mark, y.mark,
              ...lines.map(({ member, split, data }) => Plot.line(data, {
                x: "epoch", y: "value", stroke: colorOf(member.c), strokeWidth: split === "test" ? 1.8 : 1, strokeDasharray: split === "test" ? undefined : "3 3",
                ariaDescription: `member ${member.id} ${split}`,
              })),
              // A line of one epoch has no length.
              ...lines.filter(({ data }) => data.filter(({ value }) => value !== null).length === 1).map(({ member, data }) => Plot.dot(data.filter(({ value }) => value !== null), { x: "epoch", y: "value", r: 2.5, fill: colorOf(member.c) })),
            ],
          });
          const points = lines.filter(({ split }) => split === "test").flatMap(({ member, data }) => {
            const train = series(member, "train", curve);
            return data.flatMap(({ epoch, value }, i) => (value === null ? [] : [{
              x: svg.scale("x").apply(epoch), y: svg.scale("y").apply(value), member: member.id, key: null, title: `${nameOf(member, report)}, epoch ${epoch}`,
              rows: [["test", `${number(value)} nats`], ["training", `${number(train[i].value)} nats`]],
            }]));
          });
          return { svg, points };
        },
      });
      handles.push(handle);
    }

    const key = element("div", { className: "key", role: "group", "aria-label": "Coefficients shown" }, element("span", { className: "muted" }, "c ="));
    for (const c of [...visible]) {
      key.append(toggle([element("span", { className: "line", style: `background:${colorOf(c)}` }), coefficient(c)], true, (on) => {
        if (on) visible.add(c); else visible.delete(c);
        redraw();
      }));
    }
    byId("curves-controls").append(key, checkbox("training images, dashed", true, (on) => { training = on; redraw(); }));
  }

  // Collapse ----------------------------------------------------------------------------------------------------------

  function collapse(report) {
    const found = report.recommendation.collapse;
    if (!found) return;
    const measured = found.measured.filter(({ active_units: units }) => units !== null);
    const predicted = found.predicted.filter(({ c }) => c > 0);
    const box = byId("collapse-chart");
    if (!measured.length) {
      box.closest("figure").remove();
      return;
    }
    const axis = axes.coefficients([...measured, ...predicted].map(({ c }) => c));
    const measuredAxis = { ...axis, unique: [...new Set(measured.map(({ c }) => c))].sort((a, b) => a - b) };
    const most = Math.max(1, d3.max(measured, ({ active_units: units }) => units));
    klsweep.chart(box, {
      label: "Active units against the KL coefficient, with the predicted collapses.", by: "x", paper: 400,
      draw: (width) => {
        const height = 210;
        const x = axes.axis("x", axes.coefficientScale(measuredAxis, width - 50, "KL coefficient c"));
        const y = axes.axis("y", { domain: [0, most * 1.12], ticks: wholeTicks([0, most]), label: "↑ active units" });
        const svg = Plot.plot({
          width, height, marginLeft: 34, marginRight: 16, marginTop: 32, marginBottom: 40, style: SIZE, x: x.options, y: y.options,
          marks: [
            y.grid, x.mark, y.mark,
            Plot.ruleX(predicted, { x: ({ c }) => axis.at(c), stroke: "var(--bad)", strokeDasharray: "4 3" }),
            Plot.line(measured.filter(({ c }) => c > 0).sort((a, b) => a.c - b.c), { x: ({ c }) => axis.at(c), y: "active_units", stroke: "var(--muted)", strokeWidth: 1.3 }),
            Plot.dot(measured, { x: ({ c }) => axis.at(c), y: "active_units", r: 4.5, fill: { value: ({ c }) => colorOf(c), scale: null }, stroke: "var(--paper)" }),
          ],
        });
        const [toX, toY] = [svg.scale("x").apply, svg.scale("y").apply];
        const names = axes.thin(predicted.map(({ c }) => ({ x: toX(axis.at(c)), label: number(c, c < 10 ? 1 : 0) })), 3, 6.6);
        for (const { x: at, label } of names) {
          d3.select(svg).append("text").attr("x", at).attr("y", 26).attr("text-anchor", "middle").attr("fill", "var(--bad)").text(label);
        }
        axes.drawBreak(svg, axis, height - 40);
        const points = [
          ...measured.map(({ c, active_units: units, kl }) => ({ c, x: toX(axis.at(c)), y: toY(units), key: null, title: `c = ${coefficient(c)}, measured`, rows: [["active units", number(units, Number.isInteger(units) ? 0 : 1)], ["KL", `${number(kl)} nats`]] })),
          ...predicted.map(({ c, dimension }) => ({ c, x: toX(axis.at(c)), y: toY(0), key: null, title: `c = ${number(c, 1)}, predicted`, rows: [["collapses", `component ${dimension}`]] })),
        ].sort((a, b) => a.c - b.c);
        return { svg, points };
      },
    });
  }

  return { defineColors, colorOf, tradeOff, diagnostics, curves, collapse };
})();
