"use strict";
// The one global name, and helpers for the DOM that every part uses.

window.klsweep = {};

klsweep.dom = (() => {
  function fill(node, properties, children) {
    for (const [name, value] of Object.entries(properties)) {
      if (value === null || value === undefined) continue;
      if (name in node && !name.includes("-") && !(node instanceof SVGElement)) node[name] = value;
      else node.setAttribute(name, value);
    }
    node.append(...children);
    return node;
  }

  /** An element with properties, attributes (`aria-*`, `data-*`, `role`, ...) and children. */
  const element = (tag, properties = {}, ...children) => fill(document.createElement(tag), properties, children);

  /** The same for SVG, where all are attributes. */
  const svg = (tag, attributes = {}, ...children) => fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

  const byId = (id) => document.getElementById(id);

  /** Lines of text with breaks between them. */
  const lines = (texts) => texts.flatMap((text) => [element("br"), text]).slice(1);

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

  return { element, svg, byId, lines, toggle, checkbox };
})();
