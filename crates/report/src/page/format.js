"use strict";
// Numbers that are computed in the page, as text. What the report knew when it was made comes as text already.

klsweep.format = (() => {
  const minus = (text) => text.replace("-", "−");

  /** A number with so many digits after the point; an en dash for what is not known. */
  function number(value, digits = 2) {
    if (value === null || value === undefined || !Number.isFinite(value)) return "–";
    // What would round to less than one unit of the last place keeps two digits of its own.
    if (digits > 0 && value !== 0 && Math.abs(value) < 0.95 * 10 ** -digits) {
      return minus(Math.abs(value) < 1e-4 ? value.toExponential(1) : String(+value.toPrecision(2)));
    }
    return minus(value.toFixed(digits));
  }

  /** A member, or a coefficient over all its runs, by name: the run is named only where there are several. */
  function member({ label, seed, run }, report, withSeed = true) {
    const parts = [`c = ${label}`];
    if (withSeed) parts.push(`seed ${seed}`);
    if (report.runs.length > 1) parts.push(report.runs[run].name);
    return parts.join(", ");
  }

  return { number, member, minus };
})();

/** Axes of what is drawn in the page. */
klsweep.scale = (() => {
  /** Numbers of `domain` as places of `range`; `invert` goes back. */
  function linear([low, high], [from, to]) {
    const scale = (value) => from + ((value - low) / (high - low)) * (to - from);
    scale.invert = (place) => low + ((place - from) / (to - from)) * (high - low);
    return scale;
  }

  /** About `count` round numbers in a range, as `{ value, label }`, all with as many decimals. */
  function ticks([low, high], count) {
    const rough = (high - low) / count;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough * (1 - 1e-9));
    const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
    const [first, last] = [Math.ceil(low / step - 1e-9), Math.floor(high / step + 1e-9)];
    return Array.from({ length: last - first + 1 }, (_, i) => {
      const value = (first + i) * step;
      return { value, label: klsweep.format.minus((value || 0).toFixed(decimals)) };
    });
  }

  return { linear, ticks };
})();
