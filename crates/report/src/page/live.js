"use strict";
// While `klsweep watch` serves the page: asks whether the data changed, and if so loads the page anew, as the reader left it.

klsweep.live = (() => {
  const EVERY = 2000; // milliseconds
  const SLOWEST = 60000; // after the server has gone
  const KEY = `klsweep-view:${document.title}`;

  /** What the reader had set before the page was loaded anew; null where that is not what happened. */
  function remembered() {
    try {
      const saved = JSON.parse(sessionStorage.getItem(KEY));
      sessionStorage.removeItem(KEY);
      return saved;
    } catch {
      return null;
    }
  }

  /** `view()` is what to remember. */
  function start(view) {
    const note = klsweep.dom.byId("live");
    const say = (text) => { note.hidden = false; note.textContent = text; };
    say("Live: this page follows the run.");
    let version = null;
    let wait = EVERY;

    async function ask() {
      try {
        const response = await fetch("/version", { cache: "no-store" });
        if (!response.ok) throw new Error(String(response.status));
        const now = (await response.text()).trim();
        if (wait !== EVERY) say("Live: this page follows the run.");
        wait = EVERY;
        if (version !== null && now !== version) {
          sessionStorage.setItem(KEY, JSON.stringify({ ...view(), scroll: [scrollX, scrollY] }));
          location.reload();
          return;
        }
        version = now;
      } catch {
        // Said once; asked ever more rarely whether it is back.
        if (wait === EVERY) say("The server has stopped: this page no longer follows the run.");
        wait = Math.min(2 * wait, SLOWEST);
      }
      setTimeout(ask, wait);
    }
    ask();
  }

  return { start, remembered };
})();
