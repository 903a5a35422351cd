"use strict";
// The way between two points: its pictures, and walking along it.

klsweep.explorerPath = (store) => {
  const { element, byId } = klsweep.dom;
  const STEPS = 11;
  const SECONDS = 2.5;
  const still = matchMedia("(prefers-reduced-motion: reduce)");

  function drawPictures() {
    const { path, member, others } = store;
    byId("path").hidden = !path;
    if (!path) return;
    byId("path-strip").replaceChildren(...Array.from({ length: STEPS }, (_, i) => {
      const point = path.from.map((value, axis) => value + (i / (STEPS - 1)) * (path.to[axis] - value));
      const digit = element("canvas", { className: "digit", role: "img", "aria-label": `Decoded at ${klsweep.coordinates(point)}` });
      member.paint(digit, member.code(point, others));
      return digit;
    }));
  }

  let drawn = null;
  store.on(["path", "index", "others"], (changes) => {
    const { path } = store;
    // A step along the way changes no picture of it.
    const same = "path" in changes && path && drawn && path.from === drawn.from && path.to === drawn.to;
    if (!same) drawPictures();
    drawn = path;
    if (path) byId("path-position").value = path.t;
    byId("path-play").textContent = path?.playing ? "Pause" : "Play";
  });

  function play() {
    if (!store.path) return;
    const { from, t } = store.path;
    store.set({ path: { ...store.path, playing: true } });
    const start = t >= 1 ? 0 : t;
    let begun = null;
    const step = (now) => {
      if (!store.path?.playing || store.path.from !== from) return;
      begun ??= now;
      const at = Math.min(1, start + (now - begun) / (1000 * SECONDS));
      store.along(at);
      if (at < 1) requestAnimationFrame(step);
      else store.stop();
    };
    requestAnimationFrame(step);
  }

  byId("path-play").addEventListener("click", () => (store.path?.playing ? store.stop() : play()));
  byId("path-clear").addEventListener("click", () => {
    store.set({ path: null });
    byId("plane").focus();
  });
  byId("path-position").addEventListener("input", (event) => {
    store.stop();
    store.along(Number(event.target.value));
  });
  byId("pins-path").addEventListener("click", () => {
    const [from, to] = store.pins.slice(-2).map(({ point }) => [...point]);
    store.draw(from, to);
    store.along(0);
    if (!still.matches) play();
  });
  return {
    /** Shows the way once, unless motion is unwelcome. */
    show: () => { if (!still.matches) play(); },
  };
};
