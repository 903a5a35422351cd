"use strict";
// The picture at the point, what is known about the point, and the dimensions that the plane does not show.

klsweep.explorerPicture = (store) => {
  const { element, byId, lines } = klsweep.dom;
  const { number } = klsweep.format;
  const MOST_SLIDERS = 16; // latent dimensions up to which those not shown get a slider

  function facts() {
    const { member, point, labels, latent, picked } = store;
    const known = [`${number(Math.hypot(...point))} from the prior's centre`];
    if (member.codes) {
      const { index, distance } = member.nearest(point);
      known.push(`nearest code ${distance < 0.005 ? "under 0.01" : number(distance)} away${labels ? `, class ${store.nameOf(labels[index])}` : ""}`);
    }
    if (latent > 2) known.push(picked === null ? "other dimensions at their sliders or 0" : "other dimensions at the picked image's mean");
    if (!member.live && !store.columns.length) known.push("the nearest of the pictures that are in the page");
    return known;
  }

  function draw() {
    const { member, point } = store;
    const digit = byId("digit");
    member.paint(digit, store.code);
    digit.setAttribute("aria-label", `Decoded image at ${klsweep.coordinates(point)}`);
    drawColumns(member);
    byId("point").textContent = `z = ${klsweep.coordinates(point)}`;
    byId("point-facts").replaceChildren(...lines(facts()));
  }

  /** What is decoded for each column of a table, in the column's own unit. */
  function drawColumns(member) {
    const { columns } = store;
    const box = byId("decoded-columns");
    const means = columns.length && member.live ? member.decode(store.code) : null;
    box.hidden = !means;
    if (!means) return;
    box.replaceChildren(...columns.map(({ name, shift, scale }, column) =>
      element("tr", {}, element("th", { scope: "row" }, name), element("td", {}, klsweep.format.number(shift + scale * means[column])))));
  }

  // Moves come faster than frames.
  let frame = 0;
  store.on(["index", "point", "others"], (changes) => {
    if (!("point" in changes) || "index" in changes) draw();
    else frame ||= requestAnimationFrame(() => { frame = 0; draw(); });
  });

  function drawSliders() {
    const { latent, member, others } = store;
    const box = byId("other-dimensions");
    box.hidden = latent <= 2 || latent > MOST_SLIDERS || !member.live;
    if (box.hidden) return;
    const klOf = (d) => member.member.kl_per_dim[d] ?? 0;
    const rest = Array.from({ length: latent }, (_, d) => d).filter((d) => !member.dimensions.includes(d)).sort((a, b) => klOf(b) - klOf(a));
    byId("other-sliders").replaceChildren(...rest.map((d) => {
      const most = Math.max(4, Math.ceil(Math.abs(others[d])));
      const value = element("output", {}, number(others[d]));
      const input = element("input", { type: "range", min: -most, max: most, step: 0.05, "aria-label": `Latent dimension ${d}` });
      input.value = others[d];
      input.addEventListener("input", () => {
        value.textContent = number(Number(input.value));
        moved = true;
        store.setOther(d, Number(input.value));
        moved = false;
      });
      return element("div", { className: "other-dimension" }, element("span", { title: `KL ${number(klOf(d))} nats` }, `dim. ${d}`), input, value);
    }));
  }
  // Not while one of them is held.
  let moved = false;
  store.on(["index", "others"], () => { if (!moved) drawSliders(); });
  byId("other-zero").addEventListener("click", () => store.set({ others: new Float32Array(store.latent) }));
};
