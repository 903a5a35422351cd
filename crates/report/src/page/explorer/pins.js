"use strict";
// Pictures that were pinned.

klsweep.explorerPins = (store) => {
  const { element, byId } = klsweep.dom;
  const { report, members } = store;

  function card(pin) {
    const member = members[pin.index];
    const digit = element("canvas", { className: "digit", "aria-hidden": "true" });
    member.paint(digit, pin.z);
    const where = `${klsweep.format.member(member.member, report, false)} at ${klsweep.coordinates(pin.point)}`;
    const show = element("button", { type: "button", className: "pin-show", "aria-label": `Pin ${pin.number}: ${where}. Go there.` },
      digit, element("span", { className: "pin-number" }, `${pin.number} · c = ${member.label}`), element("br"), klsweep.coordinates(pin.point));
    show.addEventListener("click", () => {
      store.moveTo(pin.point);
      store.select(pin.index);
    });
    const remove = element("button", { type: "button", className: "pin-remove", "aria-label": `Remove pin ${pin.number}` }, "×");
    remove.addEventListener("click", () => {
      const next = store.pins.indexOf(pin);
      store.unpin(pin);
      const buttons = document.querySelectorAll(".pin-remove");
      (buttons[Math.min(next, buttons.length - 1)] ?? byId("plane")).focus();
    });
    return element("li", { className: "pin-card" }, show, remove);
  }

  store.on(["pins"], () => {
    byId("pinned").hidden = store.pins.length === 0;
    byId("pins-path").hidden = store.pins.length < 2;
    byId("pins").replaceChildren(...store.pins.map(card));
  });
  byId("pins-clear").addEventListener("click", () => {
    store.set({ pins: [] });
    byId("plane").focus();
  });
};
