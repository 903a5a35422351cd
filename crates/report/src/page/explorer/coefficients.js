"use strict";
// The slider through the coefficients, and the same point at every one of them.

klsweep.explorerCoefficients = (store) => {
  const { element, byId } = klsweep.dom;
  const { member: nameOf } = klsweep.format;
  const BUDGET = 5; // milliseconds a move may spend on the pictures of the other coefficients
  const THUMB_CODES = 2500;
  const { members, report } = store;
  const slider = byId("coefficient");
  const several = report.runs.length > 1;
  const label = (member) => (several ? `${member.label} (${report.runs[member.run].name})` : member.label);

  slider.max = members.length - 1;
  slider.disabled = members.length < 2;
  byId("coefficient-ticks").replaceChildren(...members.map((member, i) => element("option", { value: i, label: label(member) })));
  slider.addEventListener("input", () => store.select(Number(slider.value)));
  new ResizeObserver(labelSlider).observe(byId("coefficient-labels"));

  function labelSlider() {
    const box = byId("coefficient-labels");
    const wide = box.clientWidth;
    const at = (i) => (members.length > 1 ? (i / (members.length - 1)) * wide : wide / 2);
    const order = [...new Set([store.index, 0, members.length - 1, ...members.keys()])];
    const taken = [];
    for (const i of order) {
      const text = several && members.length > 4 && wide < 700 ? members[i].label : label(members[i]);
      const half = 3.7 * text.length + 4;
      if (taken.every(({ x, half: other }) => Math.abs(x - at(i)) > half + other)) taken.push({ i, text, x: at(i), half });
    }
    // Within the page, also at its ends.
    const left = ({ x, half }) => Math.max(half - 12, Math.min(x, wide - half + 12));
    box.replaceChildren(...taken.map((one) =>
      element("span", { className: one.i === store.index ? "current" : "", style: `left:${left(one)}px` }, one.text)));
  }

  const cards = members.map((member, i) => {
    const thumb = element("canvas", { className: "thumb", "aria-hidden": "true", hidden: !member.codes });
    const digit = element("canvas", { className: "digit", width: store.width, height: store.height, "aria-hidden": "true" });
    const attributes = { type: "button", className: "same-card", "aria-pressed": "false", "aria-label": `Show ${nameOf(member.member, report, false)}` };
    const card = element("button", attributes, thumb, digit, element("span", {}, `c = ${label(member)}`));
    card.addEventListener("click", () => store.select(i));
    return { member, thumb, digit, card };
  });
  byId("same-point-strip").replaceChildren(...cards.map(({ card }) => card));
  byId("same-point").hidden = members.length < 2;

  function select() {
    const { index, member } = store;
    slider.value = index;
    slider.setAttribute("aria-valuetext", nameOf(member.member, report, false));
    byId("coefficient-value").textContent = `c = ${label(member)}`;
    labelSlider();
    cards.forEach(({ card }, i) => card.setAttribute("aria-pressed", String(i === index)));
    // Where the row of them scrolls, the one chosen is in the middle.
    const strip = byId("same-point-strip");
    const chosen = cards[index].card;
    strip.scrollLeft = chosen.offsetLeft - strip.offsetLeft - (strip.clientWidth - chosen.offsetWidth) / 2;
  }
  store.on(["index"], select);

  function drawThumbs() {
    const colors = klsweep.classColors(store).map(klsweep.theme.resolve);
    const pixels = klsweep.theme.isPrinting() ? 400 : Math.round(116 * Math.max(1, devicePixelRatio));
    for (const { member, thumb } of cards) {
      if (!member.codes) continue;
      Object.assign(thumb, { width: pixels, height: pixels });
      const [horizontal, vertical] = store.region(member);
      klsweep.Plane.drawCodes(thumb.getContext("2d"), {
        member, labels: store.labels, hidden: store.hidden, colors, alpha: 0.7, radius: 0.006 * pixels,
        every: Math.ceil(member.codes.count / THUMB_CODES),
        x: klsweep.scale.linear(horizontal, [0, pixels]), y: klsweep.scale.linear(vertical ?? [0, 1], [pixels, 0]),
      });
    }
  }
  store.on(["range", "hidden"], drawThumbs);
  klsweep.theme.onChange(drawThumbs);

  let later = 0;
  let cost = 0;
  function drawPictures() {
    const began = performance.now();
    const { point, others, picked } = store;
    for (const { member, digit } of cards) {
      const mean = picked === null ? null : member.posterior(picked)?.mean;
      member.paint(digit, member.code(point, mean ?? others));
    }
    cost = performance.now() - began;
  }
  // At once while that is cheap; otherwise when the point has come to rest.
  store.on(["point", "others"], () => {
    clearTimeout(later);
    later = setTimeout(drawPictures, cost <= BUDGET ? 0 : 80);
  });
};
