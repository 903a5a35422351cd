"use strict";
// The held-out images to pick from, and the picked one beside what its code decodes to.

klsweep.explorerPicker = (store) => {
  const { element, byId, lines } = klsweep.dom;
  const { number } = klsweep.format;
  const { images, width, height, members } = store;
  const numbers = width * height * store.report.explorer.channels;

  const pixelsOf = (image) => Float32Array.from(images.pixels.subarray(image * numbers, (image + 1) * numbers), (level) => level / 255);
  const nameOf = (image) => `${images.positions[image]}${images.labels ? `, class ${store.nameOf(images.labels[image])}` : ""}`;

  function setUp() {
    byId("picker").hidden = false;
    // Where there is room beside the plane, it need not be opened.
    byId("picker").open = matchMedia("(min-width: 56.01rem)").matches;
    const grid = byId("picker-grid");
    // By class, as far as classes are known.
    const order = images.positions.map((_, image) => image).sort((a, b) => (images.labels?.[a] ?? 0) - (images.labels?.[b] ?? 0) || a - b);
    const options = order.map((image, place) => {
      const canvas = element("canvas", { className: "digit", "aria-hidden": "true" });
      klsweep.decoder.paint(canvas, pixelsOf(image), width, height);
      const attributes = { role: "option", tabIndex: place ? -1 : 0, "data-image": image, "aria-selected": "false", "aria-label": `Held-out image ${nameOf(image)}` };
      const option = element("div", attributes, canvas);
      option.addEventListener("click", () => { focus(place); toggle(image); });
      return option;
    });
    const toggle = (image) => store.pick(store.picked === image ? null : image, true);
    function focus(place) {
      options.forEach((option, i) => { option.tabIndex = i === place ? 0 : -1; });
      options[place].focus();
    }
    grid.replaceChildren(...options);
    grid.addEventListener("keydown", (event) => {
      const at = options.indexOf(document.activeElement);
      const columns = getComputedStyle(grid).gridTemplateColumns.split(" ").length;
      const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns, Home: -at, End: options.length - 1 - at };
      if (event.key in steps) focus(Math.max(0, Math.min(at + steps[event.key], options.length - 1)));
      else if (event.key === "Enter" || event.key === " ") toggle(order[at]);
      else if (event.key === "Escape") store.pick(null);
      else return;
      event.preventDefault();
    });
    store.on(["picked"], () => options.forEach((option) => {
      option.setAttribute("aria-selected", String(Number(option.dataset.image) === store.picked));
    }));
  }

  function draw() {
    const { member, picked, posterior } = store;
    byId("picked").hidden = picked === null;
    if (picked === null) return;
    const original = pixelsOf(picked);
    byId("picked-name").textContent = nameOf(picked);
    klsweep.decoder.paint(byId("picked-original"), original, width, height);
    byId("picked-reconstruction").closest("figure").hidden = !posterior || !member.live;
    if (!posterior) {
      byId("picked-facts").textContent = "Its posterior is not known for this member.";
      return;
    }
    const shown = (values) => member.dimensions.map((dimension) => values[dimension]);
    const region = store.region(member);
    const outside = shown(posterior.mean).some((value, axis) => value < region[axis][0] || value > region[axis][1]);
    const facts = [
      `mean ${klsweep.coordinates(shown(posterior.mean))}`, `std ${shown(posterior.std).map((value) => number(value, 3)).join(", ")}`,
      `KL ${number(posterior.kl)} nats`, ...(outside ? ["outside the range shown"] : []),
    ];
    if (member.live) {
      const decoded = member.decode(posterior.mean);
      klsweep.decoder.paint(byId("picked-reconstruction"), decoded, width, height);
      // Of other likelihoods the page knows the means alone.
      if (member.link === "logistic") facts.splice(3, 0, `reconstruction ${number(klsweep.decoder.reconstruction(original, decoded))} nats`);
    }
    byId("picked-facts").replaceChildren(...lines(facts));
  }

  if (images?.positions.length && members.some((member) => member.posterior(0))) setUp();
  store.on(["picked", "index", "range"], draw);
  byId("picked-clear").addEventListener("click", () => store.pick(null));
};
