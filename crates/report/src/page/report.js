"use strict";
// Reads the report's data out of the page and starts its parts. One that fails says so in its place; the others go on.

(() => {
  const { byId, element } = klsweep.dom;
  const report = JSON.parse(byId("report-data").textContent);
  const remembered = report.live ? klsweep.live.remembered() : null;

  function part(section, start) {
    try {
      return start();
    } catch (error) {
      byId(section).append(element("p", { className: "notice" }, `This part could not be drawn: ${error.message}.`));
      console.error(error);
      return null;
    }
  }

  klsweep.theme.start();
  const table = part("members", () => klsweep.table.start(remembered?.table));
  part("trade-off", () => klsweep.charts.start());
  const explorer = part("explorer", () => klsweep.explorer.start(report, remembered?.explorer));

  // From each purpose to its member in the explorer.
  const labels = new Map(report.members.map(({ c, label }) => [c, label]));
  for (const { key, coefficients } of report.recommendation.purposes) {
    const links = coefficients.filter((c) => explorer?.has(c)).map((c) => {
      const link = element("a", { href: "#explorer" }, `c = ${labels.get(c)} in the explorer`);
      link.addEventListener("click", () => explorer.show(c));
      return link;
    });
    const rule = byId(`purpose-${key}`)?.closest(".purpose").querySelector(".rule");
    if (links.length && rule) rule.before(element("p", { className: "look" }, "See ", ...links.flatMap((link) => [", ", link]).slice(1), "."));
  }

  // Times as people write them, in UTC, as the folders of several machines may lie side by side.
  const time = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short", timeZone: "UTC" });
  for (const node of document.querySelectorAll("time")) {
    const at = new Date(node.dateTime);
    if (!Number.isNaN(at.getTime())) node.textContent = `${time.format(at)} UTC`;
  }

  // "c = 1" stays on one line.
  for (const node of document.querySelectorAll(".headline, .purpose p, .next dd, #recommendation p, .warning li")) {
    for (const text of node.childNodes) if (text.nodeType === Node.TEXT_NODE) text.data = text.data.replaceAll("c = ", "c\u00a0=\u00a0");
  }

  // Paper shows what is folded away.
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not([open])")];
    opened.forEach((details) => { details.open = true; });
  });
  addEventListener("afterprint", () => opened.forEach((details) => { details.open = false; }));

  // A copy saved to disk has no server to ask.
  if (report.live && location.protocol.startsWith("http")) {
    if (remembered?.scroll) scrollTo(...remembered.scroll);
    klsweep.live.start(() => ({ explorer: explorer?.state(), table: table?.state() }));
  }
  klsweep.decode = (member, z) => explorer.decode(member, z);
  klsweep.state = () => explorer?.state() ?? null;
})();
