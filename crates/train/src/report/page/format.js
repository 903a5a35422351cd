"use strict";
// Numbers as text, and the few helpers for the DOM that every part uses.

window.klsweep = {};

klsweep.format = (() => {
  const minus = (text) => text.replace("-", "−");

  /** A coefficient, in its shortest form: `0.02`, `1`, `1e-7`. */
  const coefficient = (c) => (c === null || c === undefined ? "?" : minus(String(c)));

  /** A number with so many digits after the point; an en dash for what is not known. */
  function number(value, digits = 2) {
    if (value === null || value === undefined || !Number.isFinite(value)) return "–";
    if (Math.abs(value) >= 1e6) return minus(value.toExponential(2));
    // What would round to less than one unit of the last place keeps two digits of its own.
    if (digits > 0 && value !== 0 && Math.abs(value) < 0.95 * 10 ** -digits) {
      return minus(Math.abs(value) < 1e-4 ? value.toExponential(1) : String(+value.toPrecision(2)));
    }
    return minus(value.toFixed(digits));
  }

  /** Mean and standard deviation over seeds. */
  function spread(statistic, digits = 2) {
    if (!statistic) return "–";
    const mean = number(statistic.mean, digits);
    return statistic.std === null || statistic.std === undefined ? mean : `${mean} ± ${number(statistic.std, digits)}`;
  }

  /** A member, or a coefficient over all its runs, by name: the run is named only where there are several. */
  function member({ c, seed, run }, report, withSeed = true) {
    const parts = [`c = ${coefficient(c)}`];
    if (withSeed && seed !== undefined) parts.push(`seed ${seed}`);
    if (report.runs.length > 1 && report.runs[run]) parts.push(report.runs[run].name);
    return parts.join(", ");
  }

  /** A tick's number, without digits that say nothing. */
  const plain = (value) => minus(String(+value.toPrecision(6)));

  /** The same for about `count` ticks over a range, all with as many decimals. */
  function ticks([low, high], count) {
    const format = d3.tickFormat(low, high, count);
    return (value) => minus(format(value).replace("−", "-"));
  }

  return { coefficient, number, spread, member, plain, ticks };
})();

klsweep.dom = (() => {
  /** An element with properties, attributes (`aria-*`, `data-*`, `role`, ...) and children. */
  function element(tag, properties = {}, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(properties)) {
      if (value === null || value === undefined) continue;
      if (name in node && !name.includes("-")) node[name] = value;
      else node.setAttribute(name, value);
    }
    node.append(...children);
    return node;
  }

  const byId = (id) => document.getElementById(id);

  /** A button that says, for those who see and those who hear it, whether it is on. */
  function toggle(children, pressed, onChange) {
    const button = element("button", { type: "button", "aria-pressed": String(pressed) }, ...children);
    button.addEventListener("click", () => {
      const now = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", String(now));
      onChange(now);
    });
    return button;
  }

  function checkbox(label, checked, onChange) {
    const input = element("input", { type: "checkbox", checked });
    input.addEventListener("change", () => onChange(input.checked));
    return element("label", {}, input, label);
  }

  return { element, byId, toggle, checkbox };
})();
