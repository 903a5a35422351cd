"use strict";
// What several parts of the page are operated with.

/** What an element means, shown while it is hovered or focused; a touch focuses. Escape hides it. */
klsweep.tip = (() => {
  const tip = klsweep.dom.byId("tip");
  let owner = null;
  let leaving = 0;

  function show(element, text) {
    clearTimeout(leaving);
    owner = element;
    tip.textContent = text;
    tip.hidden = false;
    const at = element.getBoundingClientRect();
    const own = tip.getBoundingClientRect();
    const left = Math.min(Math.max(at.left + at.width / 2 - own.width / 2, 8), document.documentElement.clientWidth - own.width - 8);
    const above = at.top - own.height - 6;
    tip.style.left = `${left}px`;
    tip.style.top = `${above >= 8 ? above : at.bottom + 6}px`;
  }

  function hide() {
    tip.hidden = true;
    owner = null;
  }

  function attach(element, text) {
    const id = `tip-${(attach.count = (attach.count ?? 0) + 1)}`;
    element.setAttribute("aria-describedby", id);
    element.append(klsweep.dom.element("span", { className: "sr-only", id, hidden: true }, text));
    element.addEventListener("pointerenter", (event) => { if (event.pointerType === "mouse") show(element, text); });
    element.addEventListener("pointerleave", (event) => {
      // The text itself may be pointed at, to read or to copy it.
      if (event.pointerType === "mouse") leaving = setTimeout(() => { if (owner === element) hide(); }, 150);
    });
    element.addEventListener("focus", () => show(element, text));
    element.addEventListener("blur", hide);
  }

  tip.addEventListener("pointerenter", () => clearTimeout(leaving));
  tip.addEventListener("pointerleave", hide);
  addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });
  addEventListener("scroll", hide, { passive: true, capture: true });
  return { attach };
})();

/** Controls that several parts of the page use. */
klsweep.controls = (() => {
  const { element } = klsweep.dom;
  let groups = 0;

  /** Radio buttons side by side: `options` are pairs of value and label. Fills `fieldset`, or makes one. */
  function segmented(legend, options, chosen, onChange, fieldset = element("fieldset", { className: "segmented" })) {
    const name = `group-${++groups}`;
    fieldset.replaceChildren(element("legend", {}, legend), ...options.map(([value, label]) => {
      const input = element("input", { type: "radio", name, value, checked: value === chosen });
      input.addEventListener("change", () => onChange(value));
      return element("label", {}, input, element("span", {}, label));
    }));
    return fieldset;
  }

  return { segmented };
})();
