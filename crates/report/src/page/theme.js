"use strict";
// Light and dark: the system's choice, or the reader's; and paper, which is light. The style sheet does all but what is
// drawn on a canvas, which asks here for its colours and to be told when they change.

klsweep.theme = (() => {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const listeners = [];
  let printing = false;

  const isDark = () => !printing && (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);

  /** A colour of the style sheet as canvases want it: the value that it has now. */
  function resolve(color) {
    const probe = document.createElement("span");
    probe.style.cssText = `position:absolute;visibility:hidden;color-scheme:${isDark() ? "dark" : "light"};color:${color}`;
    document.body.append(probe);
    const value = getComputedStyle(probe).color;
    probe.remove();
    return value;
  }

  const notify = () => listeners.forEach((listener) => listener());
  const onChange = (listener) => listeners.push(listener);

  function start() {
    const button = document.getElementById("theme");
    const label = () => {
      button.textContent = isDark() ? "Light" : "Dark";
      button.setAttribute("aria-label", `Switch to the ${isDark() ? "light" : "dark"} colour scheme`);
    };
    button.addEventListener("click", () => {
      const chosen = isDark() ? "light" : "dark";
      const same = (chosen === "dark") === system.matches;
      if (same) delete root.dataset.theme;
      else root.dataset.theme = chosen;
      try {
        if (same) localStorage.removeItem("klsweep-theme");
        else localStorage.setItem("klsweep-theme", chosen);
      } catch { /* No storage: the choice holds until the page is left. */ }
      label();
      notify();
    });
    system.addEventListener("change", () => { label(); notify(); });
    addEventListener("beforeprint", () => { printing = true; notify(); });
    addEventListener("afterprint", () => { printing = false; notify(); });
    label();
  }

  return { start, isDark, isPrinting: () => printing, resolve, onChange };
})();
