"use strict";
// The page says everything without this: it adds values under the pointer, opens what a link leads to, and unfolds for paper.
(() => {
  const all = (root, what) => [...root.querySelectorAll(what)];
  const unfold = () => {
    const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let at = target; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
    if (target) target.scrollIntoView();
  };
  addEventListener("hashchange", unfold);
  unfold();
  let folded = [];
  addEventListener("beforeprint", () => { folded = all(document, "details:not([open])"); for (const one of folded) one.open = true; });
  addEventListener("afterprint", () => { for (const one of folded) one.open = false; });
  if (matchMedia("(max-width: 75rem)").matches) for (const toc of all(document, ".toc")) toc.open = false;
  for (const buttons of all(document, ".buttons")) buttons.hidden = false;
  for (const button of all(document, "[data-all]"))
    button.onclick = () => { for (const run of all(document, ".run")) run.open = button.dataset.all === "open"; };

  const points = (path) => (path.known ??= [...path.getAttribute("d").matchAll(/([\d.]+) ([\d.]+)/g)].map((one) => [+one[1], +one[2]]));
  const value = (svg, y) => {
    const low = +svg.dataset.low, high = +svg.dataset.high, share = 1 - y / 100;
    return svg.dataset.log ? low * (high / low) ** share : low + (high - low) * share;
  };
  for (const chart of all(document, ".chart")) {
    const panels = chart.querySelector(".panels"), cursor = chart.querySelector(".cursor"), now = chart.querySelector(".now");
    if (!panels || !cursor) continue;
    const clear = () => { cursor.hidden = true; for (const out of all(chart, "output")) out.textContent = ""; };
    panels.onpointerleave = clear;
    panels.onpointermove = (event) => {
      const box = panels.getBoundingClientRect(), share = (event.clientX - box.left) / box.width;
      if (share < 0 || share > 1) return clear();
      cursor.hidden = false;
      cursor.style.left = `${100 * share}%`;
      const start = +chart.dataset.start, end = +chart.dataset.end;
      now.textContent = `${(start + (end - start) * share).toPrecision(4)} ${chart.dataset.unit}`;
      for (const panel of all(chart, ".panel")) {
        const keys = all(panel, ".key output"), svg = panel.querySelector(".plot svg");
        for (const path of all(svg, "[data-key]")) {
          let best = null;
          for (const point of points(path)) if (!best || Math.abs(point[0] - 1000 * share) < Math.abs(best[0] - 1000 * share)) best = point;
          keys[+path.dataset.key].textContent = best ? `${+value(svg, best[1]).toPrecision(3)}` : "";
        }
      }
    };
  }
})();
