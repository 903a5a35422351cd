"use strict";
// The latent explorer: what is shown of the plane, the point in it, and all that follows from the two.

klsweep.explorer = (() => {
  const { element, byId } = klsweep.dom;
  const { coefficient, number, member: nameOf } = klsweep.format;
  const { paint, reconstruction } = klsweep.decoder;
  const PRIOR_RANGE = [-4, 4]; // four standard deviations hold all but 1 in 16,000 codes of a dimension
  const MOST_SLIDERS = 16; // latent dimensions up to which those not shown get a slider
  const MOST_PINS = 24;
  const PATH_STEPS = 11;
  const PATH_SECONDS = 2.5;
  const BUDGET = 5; // milliseconds a move may spend on the pictures of the other coefficients

  function start(report, remembered) {
    const data = report.explorer;
    if (!data?.members?.length) return null;
    const { width, height, latent } = data;
    const flat = latent === 1;
    const members = data.members.map((entry) => new klsweep.ExplorerMember(entry, report.members.find(({ id }) => id === entry.member), latent));
    const labels = data.labels ? klsweep.decoder.bytes(data.labels) : null;
    const images = data.images && { ...data.images, pixels: klsweep.decoder.bytes(data.images.pixels) };
    const classes = labels ? Math.max(...labels) + 1 : 0;
    const hasCodes = members.some(({ codes }) => codes);
    const still = matchMedia("(prefers-reduced-motion: reduce)");
    const grey = new Float32Array(width * height);

    const recommended = report.recommendation.purposes.flatMap(({ coefficients }) => coefficients);
    const first = Math.max(0, members.findIndex(({ c }) => c === (recommended[0] ?? 1)));
    const state = {
      index: first, point: flat ? [0.5] : [0.5, 0.5], others: new Float32Array(latent), picked: null, pins: [], path: null,
      range: "prior", background: hasCodes ? "codes" : "grid", hidden: new Set(),
    };
    let nextPin = 1;
    const current = () => members[state.index];

    const plane = new klsweep.Plane(byId("plane"), byId("plane-canvas"), byId("plane-overlay"), {
      point: () => state.point,
      move(point, deliberate, byKey) {
        if (state.path?.playing) {
          if (!deliberate) return;
          stop();
        }
        moveTo(point);
        if (byKey) announce();
      },
      pin,
      drag(from, to, finishedWith) {
        stop();
        state.path = { from, to, t: 1, playing: false };
        moveTo(to);
        if (!finishedWith) return;
        drawPath();
        // A finger has seen the way while it went; a mouse is shown it once more.
        if (finishedWith === "mouse" && !still.matches) play();
      },
      clear() {
        if (state.path) removePath();
        else {
          state.pins = [];
          pick(null);
          drawPins();
        }
        drawMarks();
      },
    });

    // Range and scene -------------------------------------------------------------------------------------------------

    /** A square region that holds these extents, with a margin. */
    function square(extents) {
      const half = Math.max(1, ...extents.map(([low, high]) => (high - low) / 2)) * 1.06;
      return extents.map(([low, high]) => [(low + high) / 2 - half, (low + high) / 2 + half]);
    }

    const union = d3.range(flat ? 1 : 2).map((axis) => {
      const extents = members.flatMap(({ extent }) => (extent ? [extent[axis]] : []));
      return [d3.min(extents, ([low]) => low), d3.max(extents, ([, high]) => high)];
    });

    function region(member) {
      const prior = flat ? [PRIOR_RANGE] : [PRIOR_RANGE, PRIOR_RANGE];
      if (state.range === "all" && hasCodes) return square(union);
      if (state.range === "own" && member.extent) return square(member.extent);
      return prior;
    }

    /** Ten colours that colour-blind readers tell apart; for more classes, hues around the circle. */
    function colors() {
      if (!labels) return [klsweep.theme.color("--accent")];
      if (classes <= 10) return d3.range(classes).map((k) => klsweep.theme.color(`--class-${k}`));
      return d3.range(classes).map((k) => d3.hcl((360 * k) / classes, 60, k % 2 ? 55 : 70).formatHex());
    }
    const swatch = (k) => (classes <= 10 ? `var(--class-${k})` : colors()[k]);

    function marks() {
      const member = current();
      const posterior = state.picked === null ? null : member.posterior(state.picked);
      const shown = (values) => member.dimensions.map((dimension) => values[dimension]);
      return {
        point: state.point,
        posterior: posterior && { mean: shown(posterior.mean), std: shown(posterior.std) },
        path: state.path && [state.path.from, state.path.to],
        pins: state.pins.map((pinned) => ({ point: pinned.point, number: pinned.number, here: pinned.index === state.index })),
      };
    }

    function drawPlane() {
      const member = current();
      const shown = region(member);
      const klOf = (d) => member.member?.kl_per_dim?.[d];
      const titles = member.dimensions.map((d) => {
        const kl = klOf(d);
        return `latent dimension ${d}${kl === null || kl === undefined ? "" : `, KL ${number(kl)} nats`}`;
      });
      plane.draw({
        member, region: shown, flat, titles, width, height, labels, colors: colors(), hidden: state.hidden, others: state.others, marks: marks(),
        codes: state.background !== "grid" && Boolean(member.codes), grid: state.background !== "codes" || !member.codes,
        classNames: labels ? d3.range(classes).map(String) : null,
      });
      byId("plane").setAttribute("aria-label", `Latent plane of ${nameOf(member, report, false)}`);
      byId("plane-note").textContent = note(member, shown);
    }

    function note(member, shown) {
      const { codes } = member;
      if (!codes) return "The codes are not shown: the data were not at hand when the report was made.";
      let outside = 0;
      for (let i = 0; i < codes.count; i++) {
        const out = codes.x[i] < shown[0][0] || codes.x[i] > shown[0][1] || (codes.y && (codes.y[i] < shown[1][0] || codes.y[i] > shown[1][1]));
        if (out) outside += 1;
      }
      const count = codes.count.toLocaleString("en");
      if (!outside) return `All ${count} codes are in this range.`;
      const share = (100 * outside) / codes.count;
      return `${share < 0.1 ? "under 0.1" : share.toFixed(share < 10 ? 1 : 0)} % of the ${count} codes lie outside this range.`;
    }

    const drawMarks = () => plane.drawMarks(marks());

    // The point and its picture ---------------------------------------------------------------------------------------

    let frame = 0;
    function moveTo(point) {
      state.point = [...point];
      if (!frame) frame = requestAnimationFrame(() => { frame = 0; showPoint(); });
    }

    const coordinates = (point) => (flat ? number(point[0]) : `(${point.map((value) => number(value)).join(", ")})`);

    function showPoint() {
      const member = current();
      paint(byId("digit"), member.decode(member.code(state.point, state.others), grey), width, height);
      byId("digit").setAttribute("aria-label", `Decoded image at ${coordinates(state.point)}`);
      byId("point").textContent = `z = ${coordinates(state.point)}`;
      const facts = [`${number(Math.hypot(...state.point))} from the prior's centre`];
      if (member.codes) {
        const { index, distance } = member.nearest(state.point);
        facts.push(`nearest code ${distance < 0.005 ? "under 0.01" : number(distance)} away${labels ? `, class ${labels[index]}` : ""}`);
      }
      if (latent > 2) facts.push(state.picked === null ? "other dimensions at their sliders or 0" : "other dimensions at the picked image's mean");
      byId("point-facts").replaceChildren(...facts.flatMap((fact) => [fact, element("br")]).slice(0, -1));
      drawMarks();
      samePoint();
    }

    let speaking = 0;
    function announce() {
      clearTimeout(speaking);
      speaking = setTimeout(() => { byId("plane-status").textContent = `${coordinates(state.point)}. ${byId("point-facts").innerText}`; }, 400);
    }

    // The coefficient -------------------------------------------------------------------------------------------------

    const slider = byId("coefficient");
    const label = (member) => (report.runs.length > 1 ? `${coefficient(member.c)} (${report.runs[member.run].name})` : coefficient(member.c));

    function setUpSlider() {
      slider.max = members.length - 1;
      slider.disabled = members.length < 2;
      byId("coefficient-ticks").replaceChildren(...members.map((member, i) => element("option", { value: i, label: label(member) })));
      slider.addEventListener("input", () => select(Number(slider.value)));
      new ResizeObserver(labelSlider).observe(byId("coefficient-labels"));
    }

    function labelSlider() {
      const box = byId("coefficient-labels");
      const wide = box.clientWidth;
      const at = (i) => (members.length > 1 ? (i / (members.length - 1)) * wide : wide / 2);
      const order = [state.index, 0, members.length - 1, ...members.keys()].filter((i, k, all) => all.indexOf(i) === k);
      let taken = [];
      for (const i of order) {
        const text = report.runs.length > 1 && members.length > 4 && wide < 700 ? coefficient(members[i].c) : label(members[i]);
        const half = 3.7 * text.length + 4;
        if (taken.every(({ x, half: other }) => Math.abs(x - at(i)) > half + other)) taken.push({ i, text, x: at(i), half });
      }
      // Within the page, also at its ends.
      box.replaceChildren(...taken.map(({ i, text, x, half }) =>
        element("span", { className: i === state.index ? "current" : "", style: `left:${Math.max(half - 12, Math.min(x, wide - half + 12))}px` }, text)));
    }

    function select(index) {
      state.index = index;
      const member = current();
      slider.value = index;
      slider.setAttribute("aria-valuetext", nameOf(member, report, false));
      byId("coefficient-value").textContent = `c = ${label(member)}`;
      if (state.picked !== null) holdOthersAtMean();
      drawOtherSliders();
      labelSlider();
      drawPlane();
      drawPicked();
      drawPath();
      showPoint();
      cards.forEach(({ card }, i) => card.setAttribute("aria-pressed", String(i === index)));
      // Where the row of them scrolls, the one chosen is in the middle.
      const strip = byId("same-point-strip");
      const chosen = cards[index].card;
      strip.scrollLeft = chosen.offsetLeft - strip.offsetLeft - (strip.clientWidth - chosen.offsetWidth) / 2;
    }

    // The same point at every coefficient -----------------------------------------------------------------------------

    let cards = [];
    function setUpCards() {
      cards = members.map((member, i) => {
        const thumb = element("canvas", { className: "thumb", "aria-hidden": "true", hidden: !member.codes });
        const digit = element("canvas", { className: "digit", width, height, "aria-hidden": "true" });
        const card = element("button", { type: "button", className: "same-card", "aria-pressed": "false", "aria-label": `Show ${nameOf(member, report, false)}` },
          thumb, digit, element("span", {}, `c = ${label(member)}`));
        card.addEventListener("click", () => select(i));
        return { member, thumb, digit, card };
      });
      byId("same-point-strip").replaceChildren(...cards.map(({ card }) => card));
      byId("same-point").hidden = members.length < 2;
    }

    function drawThumbs() {
      const palette = colors();
      const pixels = klsweep.theme.isPrinting() ? 400 : Math.round(116 * Math.max(1, devicePixelRatio));
      for (const { member, thumb } of cards) {
        if (!member.codes) continue;
        Object.assign(thumb, { width: pixels, height: pixels });
        const [horizontal, vertical] = region(member);
        klsweep.Plane.drawCodes(thumb.getContext("2d"), {
          member, labels, hidden: state.hidden, colors: palette, alpha: 0.7, radius: 0.006 * pixels, every: Math.ceil(member.codes.count / 2500),
          x: d3.scaleLinear(horizontal, [0, pixels]), y: d3.scaleLinear(vertical ?? [0, 1], [pixels, 0]),
        });
      }
    }

    let later = 0;
    let cost = 0;
    /** At once while that is cheap; otherwise when the point has come to rest. */
    function samePoint() {
      clearTimeout(later);
      const draw = () => {
        const began = performance.now();
        for (const { member, digit } of cards) {
          const others = state.picked === null ? state.others : member.posterior(state.picked)?.mean ?? state.others;
          paint(digit, member.decode(member.code(state.point, others), grey), width, height);
        }
        cost = performance.now() - began;
      };
      if (cost <= BUDGET) draw();
      else later = setTimeout(draw, 80);
    }

    // Pins ------------------------------------------------------------------------------------------------------------

    function pin(point) {
      stop();
      state.point = [...point];
      const z = current().code(point, state.others);
      state.pins.push({ number: nextPin++, index: state.index, point: [...point], z });
      if (state.pins.length > MOST_PINS) state.pins.shift();
      drawPins();
      showPoint();
      clearTimeout(speaking);
      byId("plane-status").textContent = `Pinned ${coordinates(point)} of ${nameOf(current(), report, false)}.`;
    }

    function drawPins() {
      byId("pinned").hidden = state.pins.length === 0;
      byId("pins-path").hidden = state.pins.length < 2;
      byId("pins").replaceChildren(...state.pins.map((pinned) => {
        const member = members[pinned.index];
        const digit = element("canvas", { className: "digit", "aria-hidden": "true" });
        paint(digit, member.decode(pinned.z, grey), width, height);
        const where = `${nameOf(member, report, false)} at ${coordinates(pinned.point)}`;
        const show = element("button", { type: "button", className: "pin-show", "aria-label": `Pin ${pinned.number}: ${where}. Go there.` },
          digit, element("span", { className: "pin-number" }, `${pinned.number} · c = ${label(member)}`), element("br"), coordinates(pinned.point));
        show.addEventListener("click", () => { state.point = [...pinned.point]; select(pinned.index); });
        const remove = element("button", { type: "button", className: "pin-remove", "aria-label": `Remove pin ${pinned.number}` }, "×");
        remove.addEventListener("click", () => {
          const next = state.pins.indexOf(pinned);
          state.pins = state.pins.filter((other) => other !== pinned);
          drawPins();
          drawMarks();
          const buttons = document.querySelectorAll(".pin-remove");
          (buttons[Math.min(next, buttons.length - 1)] ?? byId("plane")).focus();
        });
        return element("li", { className: "pin-card" }, show, remove);
      }));
    }

    // The way between two points --------------------------------------------------------------------------------------

    const between = ({ from, to }, t) => from.map((value, axis) => value + t * (to[axis] - value));

    function drawPath() {
      const { path } = state;
      byId("path").hidden = !path;
      if (!path) return;
      const member = current();
      byId("path-strip").replaceChildren(...d3.range(PATH_STEPS).map((i) => {
        const point = between(path, i / (PATH_STEPS - 1));
        const digit = element("canvas", { className: "digit", role: "img", "aria-label": `Decoded at ${coordinates(point)}` });
        paint(digit, member.decode(member.code(point, state.others), grey), width, height);
        return digit;
      }));
      byId("path-position").value = path.t;
    }

    function along(t) {
      state.path.t = t;
      byId("path-position").value = t;
      moveTo(between(state.path, t));
    }

    function play() {
      const { path } = state;
      if (!path) return;
      path.playing = true;
      byId("path-play").textContent = "Pause";
      let begun = null;
      const from = path.t >= 1 ? 0 : path.t;
      const step = (now) => {
        if (!path.playing || state.path !== path) return;
        begun ??= now;
        along(Math.min(1, from + (now - begun) / (1000 * PATH_SECONDS)));
        if (path.t < 1) requestAnimationFrame(step);
        else stop();
      };
      requestAnimationFrame(step);
    }

    function stop() {
      if (state.path) state.path.playing = false;
      byId("path-play").textContent = "Play";
    }

    function removePath() {
      stop();
      state.path = null;
      drawPath();
      drawMarks();
    }

    // Test images -----------------------------------------------------------------------------------------------------

    const pixelsOf = (image) => Float32Array.from(images.pixels.subarray(image * width * height, (image + 1) * width * height), (level) => level / 255);
    const nameOfImage = (image) => `${images.positions[image]}${images.labels ? `, class ${images.labels[image]}` : ""}`;

    function holdOthersAtMean() {
      const posterior = state.picked === null ? null : current().posterior(state.picked);
      state.others = posterior ? Float32Array.from(posterior.mean) : new Float32Array(latent);
    }

    function setUpPicker() {
      if (!images?.positions.length || !members.some((member) => member.posterior(0))) return;
      byId("picker").hidden = false;
      // Where there is room beside the plane, it need not be opened.
      byId("picker").open = matchMedia("(min-width: 56.01rem)").matches;
      const grid = byId("picker-grid");
      // By class, as far as classes are known.
      const order = d3.sort(d3.range(images.positions.length), (image) => images.labels?.[image] ?? 0, (image) => image);
      const options = order.map((image, place) => {
        const canvas = element("canvas", { className: "digit", "aria-hidden": "true" });
        paint(canvas, pixelsOf(image), width, height);
        const option = element("div", { role: "option", tabIndex: place ? -1 : 0, "data-image": image, "aria-selected": "false", "aria-label": `Test image ${nameOfImage(image)}` }, canvas);
        option.addEventListener("click", () => { focus(place); pick(state.picked === image ? null : image, true); });
        return option;
      });
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
        else if (event.key === "Enter" || event.key === " ") pick(state.picked === order[at] ? null : order[at], true);
        else if (event.key === "Escape") pick(null);
        else return;
        event.preventDefault();
      });
    }

    function pick(image, go = false) {
      state.picked = image;
      document.querySelectorAll("#picker-grid [role=option]").forEach((option) => option.setAttribute("aria-selected", String(Number(option.dataset.image) === image)));
      holdOthersAtMean();
      if (go && image !== null) {
        stop();
        const posterior = current().posterior(image);
        if (posterior) state.point = current().dimensions.map((dimension) => posterior.mean[dimension]);
      }
      drawOtherSliders();
      drawPlane();
      drawPicked();
      showPoint();
    }

    function drawPicked() {
      const image = state.picked;
      byId("picked").hidden = image === null;
      if (image === null) return;
      const member = current();
      const original = pixelsOf(image);
      byId("picked-name").textContent = nameOfImage(image);
      paint(byId("picked-original"), original, width, height);
      const posterior = member.posterior(image);
      byId("picked-reconstruction").closest("figure").hidden = !posterior;
      if (!posterior) {
        byId("picked-facts").textContent = "Its posterior is not known for this member.";
        return;
      }
      const decoded = member.decode(posterior.mean, grey);
      paint(byId("picked-reconstruction"), decoded, width, height);
      const shown = (values) => coordinates(member.dimensions.map((dimension) => values[dimension]));
      const small = (values) => member.dimensions.map((dimension) => number(values[dimension], 3)).join(", ");
      const outside = member.dimensions.some((dimension, axis) => posterior.mean[dimension] < region(member)[axis][0] || posterior.mean[dimension] > region(member)[axis][1]);
      byId("picked-facts").replaceChildren(...[
        `mean ${shown(posterior.mean)}`, `std ${small(posterior.std)}`, `KL ${number(posterior.kl)} nats`,
        `reconstruction ${number(reconstruction(original, decoded))} nats`, ...(outside ? ["outside the range shown"] : []),
      ].flatMap((fact) => [fact, element("br")]).slice(0, -1));
    }

    // Dimensions that are not shown -----------------------------------------------------------------------------------

    function drawOtherSliders() {
      const member = current();
      const box = byId("other-dimensions");
      box.hidden = latent <= 2 || latent > MOST_SLIDERS;
      if (box.hidden) return;
      const klOf = (d) => member.member?.kl_per_dim?.[d] ?? 0;
      const rest = d3.range(latent).filter((d) => !member.dimensions.includes(d)).sort((a, b) => klOf(b) - klOf(a));
      byId("other-sliders").replaceChildren(...rest.map((d) => {
        const most = Math.max(4, Math.ceil(Math.abs(state.others[d])));
        const value = element("output", {}, number(state.others[d]));
        const input = element("input", { type: "range", min: -most, max: most, step: 0.05, "aria-label": `Latent dimension ${d}` });
        input.value = state.others[d];
        input.addEventListener("input", () => {
          state.others[d] = Number(input.value);
          value.textContent = number(state.others[d]);
          showPoint();
        });
        input.addEventListener("change", () => { drawPlane(); drawPath(); });
        return element("div", { className: "other-dimension" }, element("span", { title: `KL ${number(klOf(d))} nats` }, `dim. ${d}`), input, value);
      }));
    }

    // Controls --------------------------------------------------------------------------------------------------------

    function setUpControls() {
      const { segmented } = klsweep.controls;
      const ranges = [["prior", "±4, the prior"], ["all", "all members"], ["own", "own codes"]];
      const redraw = () => { drawPlane(); drawThumbs(); drawPicked(); };
      segmented("Range", ranges, state.range, (value) => { state.range = value; redraw(); }, byId("range-control"));
      segmented("Show", [["codes", "codes"], ["grid", "decoded grid"], ["both", "both"]], state.background, (value) => { state.background = value; drawPlane(); }, byId("background-control"));
      byId("range-control").hidden = !hasCodes;
      byId("background-control").hidden = !hasCodes;
      if (labels) {
        const legend = byId("class-legend");
        legend.hidden = false;
        const buttons = d3.range(classes).map((k) => klsweep.dom.toggle([element("span", { className: "swatch", style: `background:${swatch(k)}` }), String(k)], !state.hidden.has(k), (on) => {
          if (on) state.hidden.delete(k); else state.hidden.add(k);
          redraw();
        }));
        const all = (on) => {
          state.hidden = new Set(on ? [] : d3.range(classes));
          buttons.forEach((button) => button.setAttribute("aria-pressed", String(on)));
          redraw();
        };
        const every = element("button", { type: "button", className: "quiet" }, "all");
        const none = element("button", { type: "button", className: "quiet" }, "none");
        every.addEventListener("click", () => all(true));
        none.addEventListener("click", () => all(false));
        legend.replaceChildren(element("span", { className: "muted" }, "Class"), ...buttons, every, none);
      }
      byId("path-play").addEventListener("click", () => (state.path?.playing ? stop() : play()));
      byId("path-clear").addEventListener("click", () => { removePath(); byId("plane").focus(); });
      byId("path-position").addEventListener("input", (event) => { stop(); along(Number(event.target.value)); });
      byId("pins-clear").addEventListener("click", () => { state.pins = []; drawPins(); drawMarks(); byId("plane").focus(); });
      byId("pins-path").addEventListener("click", () => {
        const [from, to] = state.pins.slice(-2).map(({ point }) => [...point]);
        state.path = { from, to, t: 0, playing: false };
        drawPath();
        along(0);
        if (!still.matches) play();
      });
      byId("picked-clear").addEventListener("click", () => pick(null));
      byId("other-zero").addEventListener("click", () => { state.others.fill(0); drawOtherSliders(); drawPlane(); drawPath(); showPoint(); });
    }

    // ------------------------------------------------------------------------------------------------------------------

    function restore(saved) {
      const index = members.findIndex(({ c, run }) => c === saved.c && run === saved.run);
      if (index >= 0) state.index = index;
      state.point = saved.point?.length === state.point.length ? saved.point : state.point;
      state.range = saved.range ?? state.range;
      state.background = hasCodes ? saved.background ?? state.background : state.background;
      state.hidden = new Set(saved.hidden ?? []);
      state.picked = images && saved.picked < images.positions.length ? saved.picked : null;
      state.pins = (saved.pins ?? []).flatMap(({ c, run, point, z }) => {
        const at = members.findIndex((member) => member.c === c && member.run === run);
        return at < 0 || z.length !== latent ? [] : [{ number: nextPin++, index: at, point, z: Float32Array.from(z) }];
      });
    }

    if (remembered) restore(remembered);
    setUpSlider();
    setUpCards();
    setUpPicker();
    setUpControls();
    select(state.index);
    if (state.picked !== null) pick(state.picked);
    drawPins();
    drawThumbs();
    klsweep.theme.onChange(() => { drawPlane(); drawThumbs(); });
    addEventListener("beforeprint", () => plane.resize(400));
    addEventListener("afterprint", () => plane.resize());

    return {
      /** Shows the member of a coefficient. */
      show: (c) => {
        const index = members.findIndex((member) => member.c === c);
        if (index >= 0) select(index);
      },
      has: (c) => members.some((member) => member.c === c),
      decode: (id, z) => {
        const member = members.find((one) => one.id === id);
        if (!member) throw new RangeError(`the explorer has no member ${id}`);
        if (z.length !== latent) throw new RangeError(`a code has ${latent} numbers, not ${z.length}`);
        return member.decode(Float32Array.from(z));
      },
      state: () => ({
        member: current().id, c: current().c, run: current().run, z: [...current().code(state.point, state.others)], point: [...state.point],
        pins: state.pins.map(({ index, point, z }) => ({ c: members[index].c, run: members[index].run, point, z: [...z] })),
        picked: state.picked, range: state.range, background: state.background, hidden: [...state.hidden],
      }),
    };
  }

  return { start };
})();
