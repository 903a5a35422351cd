"use strict";
// The latent explorer: the plane with its controls, and all parts on one store.

klsweep.explorer = (() => {
  const { element, byId, toggle } = klsweep.dom;
  const { number, member: nameOf } = klsweep.format;

  function start(report, remembered) {
    if (!report.explorer?.members.length) return null;
    const store = new klsweep.ExplorerStore(report);
    if (remembered) store.restore(remembered);
    byId("explorer-root").classList.toggle("no-pictures", store.columns.length > 0);
    klsweep.explorerPicture(store);
    klsweep.explorerCoefficients(store);
    klsweep.explorerPins(store);
    const path = klsweep.explorerPath(store);
    klsweep.explorerPicker(store);
    setUpPlane(store, path);
    setUpControls(store);
    store.start();

    return {
      /** Shows the member of a coefficient. */
      show: (c) => {
        const index = store.members.findIndex((member) => member.c === c);
        if (index >= 0) store.select(index);
      },
      has: (c) => store.members.some((member) => member.c === c),
      decode: (id, z) => {
        const member = store.members.find((one) => one.id === id);
        if (!member?.live) throw new RangeError(`the page has no decoder of member ${id}`);
        if (z.length !== store.latent) throw new RangeError(`a code has ${store.latent} numbers, not ${z.length}`);
        return Float32Array.from(member.decode(Float32Array.from(z)));
      },
      state: () => store.state(),
    };
  }

  function setUpPlane(store, path) {
    const { report, labels, classes, columns, flat, width, height } = store;
    let speaking = 0;
    const say = (text, after = 0) => {
      clearTimeout(speaking);
      speaking = setTimeout(() => { byId("plane-status").textContent = text(); }, after);
    };
    const plane = new klsweep.Plane(byId("plane"), byId("plane-canvas"), byId("plane-overlay"), {
      point: () => store.point,
      move(point, deliberate, byKey) {
        if (store.path?.playing) {
          if (!deliberate) return;
          store.stop();
        }
        store.moveTo(point);
        if (byKey) say(() => `${klsweep.coordinates(store.point)}. ${byId("point-facts").innerText}`, 400);
      },
      pin(point) {
        store.pin(point);
        say(() => `Pinned ${klsweep.coordinates(point)} of ${nameOf(store.member.member, report, false)}.`);
      },
      drag(from, to, finishedWith) {
        store.draw(from, to);
        // A finger has seen the way while it went; a mouse is shown it once more.
        if (finishedWith === "mouse") path.show();
      },
      clear: () => store.clear(),
    });

    function marks() {
      const { member, posterior } = store;
      const shown = (values) => member.dimensions.map((dimension) => values[dimension]);
      return {
        point: store.point,
        posterior: posterior && { mean: shown(posterior.mean), std: shown(posterior.std) },
        path: store.path && [store.path.from, store.path.to],
        pins: store.pins.map(({ point, number: name, index }) => ({ point, number: name, here: index === store.index })),
      };
    }

    function draw() {
      const { member, background, hidden, others } = store;
      const region = store.region(member);
      const titles = member.dimensions.map((d) => {
        const kl = member.member.kl_per_dim[d];
        return `latent dimension ${d}${kl === null || kl === undefined ? "" : `, KL ${number(kl)} nats`}`;
      });
      plane.draw({
        member, region, flat, titles, width, height, labels, hidden, others, marks: marks(),
        colors: klsweep.classColors(store).map(klsweep.theme.resolve),
        codes: background !== "grid" && Boolean(member.codes), grid: !columns.length && (background !== "codes" || !member.codes),
        classNames: labels ? Array.from({ length: classes }, (_, k) => store.nameOf(k)) : null,
      });
      byId("plane").setAttribute("aria-label", `Latent plane of ${nameOf(member.member, report, false)}`);
      byId("plane-note").textContent = note(member, region);
    }

    function note({ codes }, region) {
      if (!codes) return "The codes are not shown: the data were not at hand when the report was made.";
      const out = (value, [low, high]) => value < low || value > high;
      let outside = 0;
      for (let i = 0; i < codes.count; i++) if (out(codes.x[i], region[0]) || (codes.y && out(codes.y[i], region[1]))) outside += 1;
      const count = codes.count.toLocaleString("en");
      if (!outside) return `All ${count} codes are in this range.`;
      const share = (100 * outside) / codes.count;
      return `${share < 0.1 ? "under 0.1" : share.toFixed(share < 10 ? 1 : 0)} % of the ${count} codes lie outside this range.`;
    }

    // What needs all of the plane to be drawn, and what only its marks.
    const all = ["index", "others", "range", "background", "hidden"];
    store.on([...all, "point", "pins", "path", "picked"], (changes) => {
      const names = Object.keys(changes);
      if (!names.length || names.some((name) => all.includes(name))) draw();
      else plane.drawMarks(marks());
    });
    klsweep.theme.onChange(draw);
    addEventListener("beforeprint", () => plane.resize(400));
    addEventListener("afterprint", () => plane.resize());
  }

  function setUpControls(store) {
    const { segmented } = klsweep.controls;
    const ranges = [["prior", "±4, the prior"], ["all", "all members"], ["own", "own codes"]];
    const backgrounds = [["codes", "codes"], ["grid", "decoded grid"], ["both", "both"]];
    segmented("Range", ranges, store.range, (range) => store.set({ range }), byId("range-control"));
    segmented("Show", backgrounds, store.background, (background) => store.set({ background }), byId("background-control"));
    byId("range-control").hidden = !store.hasCodes;
    byId("background-control").hidden = !store.hasCodes || store.columns.length > 0;
    if (!store.labels) return;
    const legend = byId("class-legend");
    legend.hidden = false;
    const buttons = klsweep.classColors(store).map((color, k) =>
      toggle([element("span", { className: "swatch", style: `background:${color}` }), store.nameOf(k)], !store.hidden.has(k), (on) => {
        const hidden = new Set(store.hidden);
        if (on) hidden.delete(k); else hidden.add(k);
        store.set({ hidden });
      }));
    const every = (name, on) => {
      const button = element("button", { type: "button", className: "quiet" }, name);
      button.addEventListener("click", () => {
        buttons.forEach((one) => one.setAttribute("aria-pressed", String(on)));
        store.set({ hidden: new Set(on ? [] : buttons.keys()) });
      });
      return button;
    };
    legend.replaceChildren(element("span", { className: "muted" }, "Class"), ...buttons, every("all", true), every("none", false));
  }

  return { start };
})();
